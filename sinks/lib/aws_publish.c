// AWS IoT Core's quotas (message broker and protocol limits), once.
#include "sinks/lib/aws_publish.h"

#include "sql/base/banned.h"

#define PAYLOAD_MAX      (128 * 1024)
#define TOPIC_MAX        256 // bytes, without what names a Basic Ingest rule
#define SLASHES_MAX      7
#define CONTENT_TYPE_MAX 256
#define CORRELATION_MAX  (8 * 1024)
#define USER_MAX         (8 * 1024) // user properties, keys and values together
#define EXPIRY_MAX_S     604800
#define PACKET_MAX       (146 * 1024)

// "$aws/rules/NAME/" is not counted.
static wr_str counted(wr_str topic)
{
    static const wr_str rules = WR_STR_INIT("$aws/rules/");
    if (!wr_str_starts(topic, rules)) {
        return topic;
    }
    const char *slash = memchr(topic.at + rules.len, '/', topic.len - rules.len);
    return slash ? wr_str_cut(topic, (size_t)(slash + 1 - topic.at), topic.len) : (wr_str){"", 0};
}

static size_t slashes(wr_str topic)
{
    size_t count = 0;
    for (size_t i = 0; i < topic.len; i++) {
        count += topic.at[i] == '/';
    }
    return count;
}

const char *wr_aws_publish_trouble(const struct wr_publish *p)
{
    wr_str topic = counted(p->topic), response = counted(p->response_topic);
    size_t user = p->hops ? sizeof WR_HOPS_PROPERTY + 1 : 0; // of two digits at most
    for (size_t i = 0; i < p->user_count; i++) {
        user += p->user_keys[i].len + p->user_values[i].len;
    }
    size_t packet = p->topic.len + p->payload.len + p->content_type.len + p->response_topic.len +
                    p->correlation_data.len + user;
    bool own = wr_str_starts(p->topic, WR_STR("$aws/"));
    const struct {
        bool broken;
        const char *text;
    } limits[] = {
        {topic.len > TOPIC_MAX, "a topic of more than 256 bytes (limits of AWS IoT Core)"},
        {slashes(topic) > SLASHES_MAX, "a topic of more than 8 levels (limits of AWS IoT Core)"},
        {wr_str_starts(p->topic, WR_STR("$")) && !own,
         "a topic that begins with $, of which AWS IoT Core takes only its own, below $aws/"},
        {p->payload.len > PAYLOAD_MAX, "a payload of more than 128 KB (limits of AWS IoT Core)"},
        {p->content_type.len > CONTENT_TYPE_MAX,
         "a contentType of more than 256 bytes (limits of AWS IoT Core)"},
        {response.len > TOPIC_MAX,
         "a responseTopic of more than 256 bytes (limits of AWS IoT Core)"},
        {slashes(response) > SLASHES_MAX,
         "a responseTopic of more than 8 levels (limits of AWS IoT Core)"},
        {p->correlation_data.len > CORRELATION_MAX,
         "a correlationData of more than 8 KB (limits of AWS IoT Core)"},
        {user > USER_MAX, "user properties of more than 8 KB together (limits of AWS IoT Core)"},
        {p->message_expiry_s > EXPIRY_MAX_S,
         "a messageExpiry of more than 604800 seconds (limits of AWS IoT Core)"},
        {packet > PACKET_MAX, "a packet of more than 146 KB (limits of AWS IoT Core)"},
    };
    for (size_t i = 0; i < WR_COUNT(limits); i++) {
        if (limits[i].broken) {
            return limits[i].text;
        }
    }
    return NULL;
}
