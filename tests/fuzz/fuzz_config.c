// Any bytes as weir.yaml. Must not crash or leak; a refusal has a text.
#include "engine/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sql/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char name[64];
    if (file < 0) {
        file = memfd_create("weir.yaml", MFD_CLOEXEC);
        snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    }
    wr_assert(file >= 0 && ftruncate(file, 0) == 0);
    wr_assert(pwrite(file, size ? (const char *)data : "", size, 0) == (ssize_t)size);
    int count = 0;
    char *none[] = {NULL};
    struct wr_config *c;
    struct wr_fault fault = {0};
    if (wr_config_load(name, &count, none, &c, &fault)) {
        wr_assert(fault.code && fault.text[0]);
    } else {
        for (size_t i = 0; wr_sink_list[i]; i++) {
            wr_assert(wr_config_sink(c, wr_sink_list[i]));
        }
        wr_assert(c->mqtt_url[0] && c->payload_max > 0);
        wr_config_free(c);
    }
    return 0;
}
