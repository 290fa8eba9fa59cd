// The process: what is set up once, then the command. The only place that ends it.
#include "engine/cli/cli.h"

#include <signal.h>
#include <unistd.h>

#include "sql/base/hash.h"

#include "sql/base/banned.h"

int main(int argc, char **argv)
{
    // A broker or reader that goes away is an error of one write, not the end of the process.
    signal(SIGPIPE, SIG_IGN);
    wr_hash_seed_init();
    int status = wr_cli_main(argc, argv);
    if (wr_cli_at_once) {
        _exit(status); // other threads are in the middle of something: nothing is taken from them
    }
    return status;
}
