// The progress line: a bar where the end is known, count, rate and size.
#include "engine/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "sql/base/banned.h"

#define FIRST_US  500000 // shorter work shows nothing
#define AGAIN_US  200000
#define BAR_WIDTH 24

void wr_progress_init(struct wr_progress *p)
{
    *p = (struct wr_progress){.on = isatty(STDERR_FILENO), .start = wr_mono_now()};
    p->next.us = p->start.us + FIRST_US;
}

bool wr_progress_due(struct wr_progress *p)
{
    if (!p->on) {
        return false;
    }
    wr_mono now = wr_mono_now();
    if (now.us < p->next.us) {
        return false;
    }
    p->next.us = now.us + AGAIN_US;
    return true;
}

const char *wr_progress_count(uint64_t n, char out[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n), to = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) {
            out[to++] = ',';
        }
        out[to++] = digits[i];
    }
    out[to] = '\0';
    return out;
}

const char *wr_progress_size(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    double size = (double)bytes;
    int unit = 0;
    while (size >= 1000 && unit < 5) {
        size /= 1000;
        unit++;
    }
    snprintf(out, 32, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
    return out;
}

void wr_progress_show(struct wr_progress *p, uint64_t done, uint64_t total, uint64_t messages,
                      const char *note)
{
    char count[32], rate[32], size[32], all[32];
    double seconds = (double)wr_mono_since_us(p->start, wr_mono_now()) / 1e6;
    fputc('\r', stderr);
    if (total) {
        unsigned share = (unsigned)(100 * (double)(done < total ? done : total) / (double)total);
        char bar[BAR_WIDTH + 1];
        for (unsigned i = 0; i < BAR_WIDTH; i++) {
            bar[i] = i * 100 < share * BAR_WIDTH ? '#' : '.';
        }
        bar[BAR_WIDTH] = '\0';
        fprintf(stderr, "[%s] %3u%%  %s of ", bar, share, wr_progress_size(done, size));
        fprintf(stderr, "%s  ", wr_progress_size(total, all));
    } else {
        fprintf(stderr, "%s  ", wr_progress_size(done, size));
    }
    fprintf(stderr, "%s messages  %s/s%s\033[K", wr_progress_count(messages, count),
            wr_progress_count(seconds > 0 ? (uint64_t)((double)messages / seconds) : 0, rate),
            note);
    fflush(stderr);
    p->shown = true;
}

void wr_progress_clear(struct wr_progress *p)
{
    if (p->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        p->shown = false;
    }
}
