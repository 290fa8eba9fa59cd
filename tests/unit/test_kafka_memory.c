// Places of partitions that were taken: by topic and number, until they are forgotten.
#include "engine/kafka/memory.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

static void test_places(void **state)
{
    struct wr_kafka_memory m = {0};
    assert_int_equal(wr_kafka_recall(&m, "a", 0), 0);
    wr_kafka_remember(&m, "a", 0, 17);
    wr_kafka_remember(&m, "a", 1, 18);
    wr_kafka_remember(&m, "ab", 0, INT64_C(1) << 40);
    assert_int_equal(wr_kafka_recall(&m, "a", 0), 17);
    assert_int_equal(wr_kafka_recall(&m, "a", 1), 18);
    assert_int_equal(wr_kafka_recall(&m, "ab", 0), INT64_C(1) << 40);
    assert_int_equal(wr_kafka_recall(&m, "ab", 1), 0);
    assert_int_equal(wr_kafka_recall(&m, "b", 0), 0);
    wr_kafka_remember(&m, "a", 0, 20); // the last word counts
    assert_int_equal(wr_kafka_recall(&m, "a", 0), 20);
    wr_kafka_committed(&m, "a", 1, 17);
    assert_int_equal(wr_kafka_recall(&m, "a", 1), 18); // not so far
    wr_kafka_committed(&m, "a", 1, 18);
    assert_int_equal(wr_kafka_recall(&m, "a", 1), 0);
    wr_kafka_committed(&m, "a", 0, 30); // both places
    assert_int_equal(wr_kafka_recall(&m, "a", 0), 0);
    assert_int_equal(wr_kafka_recall(&m, "ab", 0), INT64_C(1) << 40);
    wr_kafka_forget(&m);
    assert_int_equal(wr_kafka_recall(&m, "ab", 0), 0);
    wr_kafka_forget(&m);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(test_places)};
    return TEST_MAIN(tests);
}
