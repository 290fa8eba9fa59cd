// Certificates as words of a command line: the whole id, the begin of one, or an ARN. All return 0,
// or the exit status when it was said what is wrong. Thread: start.
#ifndef WR_ENGINE_CLI_CONTROL_CERT_H
#define WR_ENGINE_CLI_CONTROL_CERT_H

#include "engine/cli/control_client.h"

// Append its 64 hex digits.
int wr_control_cert_id(struct wr_control *c, const char *word, struct wr_buf *id);
// Append its ARN, as weir has it.
int wr_control_cert_arn(struct wr_control *c, const char *word, struct wr_buf *arn);
// A call about a principal, whose ARN goes in a header; `path` has one %s, or none.
int wr_control_with_principal(struct wr_control *c, const char *arn, const char *method,
                              const char *path, const char *name);

#endif
