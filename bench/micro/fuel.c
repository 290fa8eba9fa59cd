// What does a step of the fuel take, at worst? Each of tests/support/worst.h with the default
// limits: how it ended, its steps, its time, and nanoseconds a step.
#include "sql/base/clock.h"

#include <stdio.h>

#include "tests/support/worst.h"

#include "sql/base/banned.h"

#define MEMORY (64u << 20) // message_memory

int main(void)
{
    static const char *const ends[] = {"done", "fuel", "memory", "variables"};
    double worst = 0;
    printf("%-50s %-9s %10s %9s %8s\n", "case", "end", "steps", "ms", "ns/step");
    for (size_t i = 0; i < WR_COUNT(worst_cases); i++) {
        struct wr_buf payload = {0};
        worst_payload(&payload, worst_cases[i].payload);
        wr_mono begin = wr_mono_now();
        struct worst_result r =
            worst_run(&worst_cases[i], WR_SQL_FUEL_DEFAULT, MEMORY, wr_buf_str(&payload));
        double us = (double)wr_mono_since_us(begin, wr_mono_now());
        double each = us * 1000 / (double)(r.steps ? r.steps : 1);
        worst = each > worst ? each : worst;
        printf("%-50s %-9s %10llu %9.1f %8.2f%s%s\n", worst_cases[i].name,
               r.other ? "?" : ends[r.end], (unsigned long long)r.steps, us / 1000, each,
               r.other ? " " : "", r.other ? r.fault.text : "");
        fflush(stdout);
        wr_buf_release(&payload);
    }
    printf("at worst %.2f ns a step\n", worst);
    return 0;
}
