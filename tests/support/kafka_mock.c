// A Kafka cluster for tests: librdkafka's mock as a process. It prints its bootstrap address, then
// does what its standard input says and answers each line with "ok" or "no: why"; ends with it.
//
//   topic NAME PARTITIONS        make a topic (others are made when they are first used, with 4)
//   down BROKER / up BROKER      brokers count from 1
//   rtt BROKER MS                answers take so long
//   error API CODE COUNT         the next COUNT requests of a kind (0: produce) fail with CODE
//
// usage: kafka_mock [BROKERS]
#include "tests/support/kafka_mock.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sql/base/banned.h"

static const char *perform(const struct kafka_mock *m, const char *line)
{
    char name[256];
    int a, b, count;
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (sscanf(line, "topic %255s %d", name, &a) == 2) {
        err = rd_kafka_mock_topic_create(m->cluster, name, a, 1);
    } else if (sscanf(line, "down %d", &a) == 1) {
        err = rd_kafka_mock_broker_set_down(m->cluster, a);
    } else if (sscanf(line, "up %d", &a) == 1) {
        err = rd_kafka_mock_broker_set_up(m->cluster, a);
    } else if (sscanf(line, "rtt %d %d", &a, &b) == 2) {
        err = rd_kafka_mock_broker_set_rtt(m->cluster, a, b);
    } else if (sscanf(line, "error %d %d %d", &a, &b, &count) == 3) {
        for (int i = 0; i < count; i++) {
            rd_kafka_mock_push_request_errors(m->cluster, (int16_t)a, 1, (rd_kafka_resp_err_t)b);
        }
    } else {
        return "unknown command";
    }
    return err ? rd_kafka_err2str(err) : NULL;
}

int main(int argc, char **argv)
{
    struct kafka_mock m;
    char line[512];
    prctl(PR_SET_PDEATHSIG, SIGKILL); // not left behind by a test that is killed
    kafka_mock_open(&m, argc > 1 && argv[1][0] > '0' ? argv[1][0] - '0' : 1);
    printf("%s\n", m.bootstrap);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        const char *why = perform(&m, line);
        printf("%s%s\n", why ? "no: " : "ok", why ? why : "");
        fflush(stdout);
    }
    kafka_mock_close(&m);
    return 0;
}
