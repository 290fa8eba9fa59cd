// Which weir this is, and with which libraries it runs. Thread: any.
#ifndef WR_ENGINE_CLI_VERSION_H
#define WR_ENGINE_CLI_VERSION_H

// The commit it was built from, as git describes it; "" outside of a repository.
extern const char wr_version_commit[];

#endif
