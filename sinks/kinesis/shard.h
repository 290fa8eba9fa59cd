// Which shard a partition key belongs to. Thread: any, each with its own digest.
#ifndef WR_SINKS_KINESIS_SHARD_H
#define WR_SINKS_KINESIS_SHARD_H

#include "sql/base/str.h"

#include <openssl/evp.h>

#define WR_KINESIS_SHARDS_MAX 1000
#define WR_KINESIS_SHARD_LEN  20 // of a shard's name

// 0 .. shards-1, as a stream that was made with so many has it. `md5` is a context that was
// initialised with MD5.
unsigned wr_kinesis_shard_of(EVP_MD_CTX *md5, wr_str key, unsigned shards);

// "shardId-000000000002", terminated.
void wr_kinesis_shard_name(char out[WR_KINESIS_SHARD_LEN + 1], unsigned shard);

#endif
