// What AWS IoT Core's broker takes of a publication: its quotas (actions.md 4.5), for republish and
// for connections to it. Thread: any.
#ifndef WR_SINKS_LIB_AWS_PUBLISH_H
#define WR_SINKS_LIB_AWS_PUBLISH_H

#include "sinks/sink.h"

// A limit that it breaks, as "a topic of more than 256 bytes (limits of AWS IoT Core)"; or NULL.
// The broker would refuse it, or end the connection over it. What weir adds (the count of hops) is
// counted too.
const char *wr_aws_publish_trouble(const struct wr_publish *p);

#endif
