// Puts outages into words.
#include "engine/mqtt/outage.h"

#include <stdarg.h>
#include <stdio.h>

#include "engine/mqtt/reason.h"
#include "engine/observe/log.h"

#include "sql/base/banned.h"

#define REPEAT_US 60000000 // an unchanged reason is logged again after this time

static void compose(char *why, const char *format, ...) WR_PRINTF(2, 3);
static void compose(char *why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, WR_OUTAGE_WHY_MAX, format, args); // long host names cut the remedy's end
    va_end(args);
}

// `text` with the options as this connection calls them: "mqtt.url" may be "brokers.cloud.url".
static const char *spell(const struct wr_config *config, const char *text, char *out)
{
    size_t len = 0, section = strlen(config->mqtt_section);
    while (*text && len + section + 1 < WR_OUTAGE_WHY_MAX) {
        if (strncmp(text, "mqtt.", 5) == 0) {
            memcpy(out + len, config->mqtt_section, section);
            len += section;
            text += 4;
        } else {
            out[len++] = *text++;
        }
    }
    out[len] = '\0';
    return out;
}

// The connection ended before the CONNACK, without a word.
static void explain_closed(const struct wr_outage *o, char *why)
{
    compose(why,
            "cannot connect to %s port %d: it closed the connection: check %s.url, and that a "
            "broker %s there",
            o->url->host, o->url->port, o->config->mqtt_section,
            !o->url->tls ? "listens without TLS (mqtts:// if it wants that)"
            // What it says of a certificate is lost when our next words meet a closed socket.
            : *o->config->mqtt_cert_file
                ? "speaks TLS (mqtt:// if it does not) and accepts our certificate"
                : "speaks TLS (mqtt:// if it does not) and wants no client certificate");
}

void wr_outage_explain(const struct wr_outage *o, char *why)
{
    const char *host = o->url->host, *section = o->config->mqtt_section;
    char spelt[WR_OUTAGE_WHY_MAX];
    // OpenSSL's failure without an error of the system: the other end is gone.
    bool closed = o->kind == WR_OUTAGE_CLOSED || (o->kind == WR_OUTAGE_ERRNO && !o->error);
    const char *cause = closed                       ? "the broker closed it"
                        : o->kind == WR_OUTAGE_ERRNO ? strerror(o->error)
                                                     : o->cause;
    if (o->refused) {
        compose(why, "%s refuses the connection: %s", host,
                spell(o->config, wr_reason_connack(o->v5, o->refused), spelt));
    } else if (o->server_reason) {
        compose(why, "%s ended the connection: %s", host,
                spell(o->config, wr_reason_disconnect(o->server_reason), spelt));
    } else if (o->tls_text && o->tls_text[0]) {
        const char *tls = wr_reason_tls(o->tls_text);
        compose(why, "TLS with %s port %d failed: %s (%s)", host, o->url->port,
                tls ? spell(o->config, tls, spelt) : "the handshake was not accepted", o->tls_text);
    } else if (o->kind == WR_OUTAGE_HOST) {
        compose(why, "cannot find the address of '%s': check the host in %s.url and DNS", host,
                section);
    } else if (o->kind == WR_OUTAGE_SILENT) {
        compose(why, "%s did not answer a ping within the keepalive", host);
    } else if (!o->up && closed) {
        explain_closed(o, why);
    } else if (!o->up && o->kind == WR_OUTAGE_ERRNO) {
        compose(why, "cannot connect to %s port %d: %s: check %s.url and that the broker runs",
                host, o->url->port, cause, section);
    } else {
        compose(why, "connection to %s lost: %s", host, cause);
    }
}

void wr_outage_explain_late(const struct wr_config *config, const struct wr_mqtt_url *url,
                            char *why)
{
    compose(why,
            "no answer from %s port %d within %lld ms: check %s.url, the network and firewalls",
            url->host, url->port, (long long)config->mqtt_connect_timeout_ms, config->mqtt_section);
}

void wr_outage_say(struct wr_outage_log *log, const char *name, const char *why)
{
    wr_mono now = wr_mono_now();
    bool again = strcmp(log->said, why) == 0 && wr_mono_since_us(log->said_at, now) < REPEAT_US;
    wr_log(again ? WR_LOG_DEBUG : WR_LOG_WARN, "mqtt", "%s: %s", name, why);
    if (!again) {
        snprintf(log->said, sizeof log->said, "%s", why);
        log->said_at = now;
    }
}

void wr_outage_over(struct wr_outage_log *log)
{
    log->said[0] = '\0';
}
