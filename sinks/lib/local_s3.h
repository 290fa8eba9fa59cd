// The local form of S3: objects as files, so that people can look (actions.md 10).
// Thread: any; every function that takes a folder blocks.
//
//   <state_dir>/local/s3/{bucket}/{path}       the object, its bytes unchanged
//   <state_dir>/local/s3-meta/{bucket}/{path}  JSON: key, size, etag (MD5, hex), contentType, acl,
//                                              lastModified
//   <state_dir>/local/s3-tmp/                  files being written; what a crash leaves is no
//   object
//
// A key is a path, each segment a name, except (so that no key leaves its bucket's folder and every
// name can be read back):
//   %                        %25
//   the segment . or ..      %2E or %2E%2E
//   an empty segment         %0
//   a segment over 252 bytes split between characters into folders; each but the last ends in %+
//   a and a/b both objects   the one that would be a folder has % appended: a%  and  a/b
// The object and its metadata are two files: after a crash between them `size` and `etag` tell that
// the metadata is of another version.
#ifndef WR_SINKS_LIB_LOCAL_S3_H
#define WR_SINKS_LIB_LOCAL_S3_H

#include "sql/base/buf.h"
#include "sql/base/err.h"
#include "sql/base/str.h"

#define WR_LOCAL_S3_KEY_MAX   1024 // bytes of UTF-8, as in S3
#define WR_LOCAL_S3_PATH_MAX  3200 // a key of 1024 bytes escaped: three for one, and the splits
#define WR_LOCAL_S3_STATE_MAX 768  // bytes of state_dir, so that all paths fit PATH_MAX

// What is wrong with a bucket's name or a key, in S3's words, or NULL.
const char *wr_local_s3_bucket_trouble(wr_str bucket);
const char *wr_local_s3_key_trouble(wr_str key);

// The path of a valid key, relative to its bucket's folder and terminated. Returns its length.
size_t wr_local_s3_escape(char out[WR_LOCAL_S3_PATH_MAX], wr_str key);

// The key of a path, appended to `key`. False, with nothing appended, when no key has this path.
bool wr_local_s3_unescape(wr_str path, struct wr_buf *key) WR_MUST_CHECK;

// Move the finished file `from` to `path` below `folder`, a bucket's folder, whose parent exists.
// Makes the folders that are missing and moves an object that is in their way aside. What was there
// before is replaced in one step. Returns 0 or an errno; then `from` is still there. Safe against
// others that place at the same time.
int wr_local_s3_place(const char *from, const char *folder, const char *path);

// ---- looking

// Append an object's bytes to `body` and its metadata, if any, to `meta`; either may be NULL.
// WR_ERR_UNKNOWN when there is no such object.
wr_err wr_local_s3_read(const char *state_dir, wr_str bucket, wr_str key, struct wr_buf *body,
                        struct wr_buf *meta, struct wr_fault *fault) WR_MUST_CHECK;

struct wr_local_s3_object {
    wr_str key; // lent until the visit ends
    uint64_t size;
    int64_t modified_ms; // wall clock
};

// Visit the objects whose key starts with `prefix`, in the order of their keys' bytes, until
// `visit` returns false. A bucket that does not exist is WR_ERR_UNKNOWN.
wr_err wr_local_s3_list(const char *state_dir, wr_str bucket, wr_str prefix,
                        bool (*visit)(void *user, const struct wr_local_s3_object *object),
                        void *user, struct wr_fault *fault) WR_MUST_CHECK;

// Visit the buckets' names in order. None is no error.
wr_err wr_local_s3_buckets(const char *state_dir, bool (*visit)(void *user, wr_str bucket),
                           void *user, struct wr_fault *fault) WR_MUST_CHECK;

#endif
