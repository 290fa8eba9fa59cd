// The section `aws` of weir.yaml: its table, and the client that it describes.
// Thread: start.
#ifndef WR_SINKS_LIB_AWS_SETTINGS_H
#define WR_SINKS_LIB_AWS_SETTINGS_H

#include "sinks/lib/aws.h"

#define WR_AWS_ROLE_RULES_MAX 64 // lines below aws.roles

// "region", "endpoints.*", "roles.*", …: as the table of a sink (sink.h).
extern const struct wr_option wr_aws_settings[];

// A client as the settings say. Blocks (files are looked at). `recorder` NULL: it sends. `settings`
// is lent until the client is closed. Faults name the setting, never a secret.
wr_err wr_aws_open_settings(uv_loop_t *loop, const struct wr_settings *settings,
                            struct wr_recorder *recorder,
                            void (*log)(void *user, enum wr_aws_level level, const char *line),
                            void *log_user, struct wr_aws **out,
                            struct wr_fault *fault) WR_MUST_CHECK;

#endif
