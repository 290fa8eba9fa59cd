// The model against the VM on random cases: outcome, place of an error, bytes of the result, text
// of each template. TAP; usage() says the rest.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/model/compare.h"

#define PROGRESS_S    30
#define ALL_FUNCTIONS 20000 // cases after which every function must have given a value

struct options {
    uint64_t seed, count, first;
    long seconds;
    bool one;
};

static int usage(FILE *out, int status)
{
    fputs("usage: differential [--seed N] [--seconds S | --count N | --case K]\n"
          "\n"
          "  --seed N      the cases' seed; without it one from the clock, which is printed\n"
          "  --seconds S   for so long (default 20)\n"
          "  --count N     so many cases\n"
          "  --case K      case K of the seed alone, and both answers whatever they are\n"
          "\n"
          "Exit status 0 when the two evaluators agree, 1 when they differ, 2 for wrong usage.\n",
          out);
    return status;
}

static bool read_number(const char *text, uint64_t *out)
{
    char *end;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == 0;
}

static bool read_options(int argc, char **argv, struct options *o)
{
    *o = (struct options){.seed = (uint64_t)time(NULL), .count = UINT64_MAX, .seconds = 20};
    for (int i = 1; i < argc; i += 2) {
        uint64_t n;
        if (i + 1 == argc || !read_number(argv[i + 1], &n)) {
            return false;
        }
        if (strcmp(argv[i], "--seed") == 0) {
            o->seed = n;
        } else if (strcmp(argv[i], "--seconds") == 0) {
            o->seconds = (long)n;
        } else if (strcmp(argv[i], "--count") == 0) {
            o->count = n;
            o->seconds = 1000000;
        } else if (strcmp(argv[i], "--case") == 0) {
            o->first = n;
            o->count = 1;
            o->one = true;
        } else {
            return false;
        }
    }
    return true;
}

static long now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)t.tv_sec;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_counts(const struct counts *n)
{
    printf("# %llu cases, %llu answers compared: %.1f %% output (%.1f %% not empty), %.1f %% no "
           "match, %.1f %% invalid\n",
           (unsigned long long)n->cases, (unsigned long long)n->answers,
           share(n->outcome[MODEL_OUTPUT], n->answers), share(n->meaningful, n->answers),
           share(n->outcome[MODEL_NOMATCH], n->answers),
           share(n->outcome[MODEL_INVALID], n->answers));
    for (size_t i = 0;
         i < sizeof n->limit_reasons / sizeof n->limit_reasons[0] && n->limit_reasons[i].count;
         i++) {
        printf("# %llu answers skipped, a limit of the VM: %s\n",
               (unsigned long long)n->limit_reasons[i].count, n->limit_reasons[i].why);
    }
    for (size_t i = 0; i < n->reason_count; i++) {
        printf("# %llu answers skipped, unsupported by the model: %s\n",
               (unsigned long long)n->reasons[i].count, n->reasons[i].why);
    }
}

// Functions whose every call gave Undefined or Null; look-ups aside, which are not compared.
static size_t print_unused(const struct model_tally *t)
{
    static const char *const not_compared[] = {"rand",
                                               "newuuid",
                                               "aws_lambda",
                                               "get_dynamodb",
                                               "get_thing_shadow",
                                               "get_secret",
                                               "get_registry_data",
                                               "machinelearning_predict"};
    size_t unused = 0;
    for (; t->function; t++) {
        bool skip = t->values > 0;
        for (size_t i = 0; i < sizeof not_compared / sizeof not_compared[0]; i++) {
            skip = skip || strcmp(t->function, not_compared[i]) == 0;
        }
        if (!skip) {
            printf("# never a value: %s(), %llu calls\n", t->function,
                   (unsigned long long)t->calls);
            unused++;
        }
    }
    return unused;
}

// A run that compared next to nothing has shown nothing.
static bool worth(const struct counts *n)
{
    uint64_t skipped = n->limits;
    for (size_t i = 0; i < n->reason_count; i++) {
        skipped += n->reasons[i].count;
    }
    return n->answers >= 100 && share(n->outcome[MODEL_OUTPUT], n->answers) > 30 &&
           share(n->meaningful, n->answers) > 20 && n->outcome[MODEL_INVALID] > 0 &&
           n->outcome[MODEL_NOMATCH] > 0 && share(skipped, n->answers + skipped) < 10;
}

int main(int argc, char **argv)
{
    struct options o;
    struct counts n = {0};
    struct model_tally tally[MODEL_TALLY];
    struct model m = {.tally = tally};
    bool differs = false;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        return usage(stdout, 0);
    }
    if (!read_options(argc, argv, &o)) {
        return usage(stderr, 2);
    }
    model_tally_init(tally);
    long start = now_s(), last = start;
    printf("# seed %llu\n1..%d\n", (unsigned long long)o.seed, o.one ? 1 : 2);
    fflush(stdout);
    for (uint64_t i = 0; i < o.count && !differs && now_s() - start < o.seconds; i++) {
        struct gen_case c;
        gen_make(&m, o.seed, o.first + i, &c);
        differs = compare_case(&m, &c, &n);
        if (differs || o.one) {
            printf("# seed %llu, case %llu\n", (unsigned long long)o.seed,
                   (unsigned long long)(o.first + i));
            compare_print(&c);
        }
        if (differs && !o.one) {
            compare_shrink(&c);
            printf("# shrunk:\n");
            compare_print(&c);
        }
        model_clear(&m);
        if (now_s() - last >= PROGRESS_S) {
            last = now_s();
            fprintf(stderr, "differential: %llu cases in %ld s\n", (unsigned long long)n.cases,
                    last - start);
        }
    }
    printf("%s 1 - model and VM agree on %llu cases\n", differs ? "not ok" : "ok",
           (unsigned long long)n.cases);
    bool enough = o.one || differs || worth(&n);
    if (!o.one) {
        // In a long run every function has had something to say.
        enough = (print_unused(tally) == 0 || n.cases < ALL_FUNCTIONS) && enough;
        printf("%s 2 - the cases are worth comparing\n", enough ? "ok" : "not ok");
        print_counts(&n);
    }
    vm_clear();
    return differs || !enough;
}
