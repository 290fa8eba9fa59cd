// Why a connection could not be made or ended, in words with a remedy.
// Thread: any.
#ifndef WR_ENGINE_MQTT_REASON_H
#define WR_ENGINE_MQTT_REASON_H

#include <stdbool.h>
#include <stddef.h>

// CONNACK's return code (3.1.1) or reason code (5); never NULL.
const char *wr_reason_connack(bool v5, int code);
// Reason code of a DISCONNECT that the broker sent (5); never NULL.
const char *wr_reason_disconnect(int code);
// SUBACK, UNSUBACK and PUBACK failures; never NULL.
const char *wr_reason_ack(bool v5, int code);
// What an OpenSSL error text is likely to mean, or NULL.
const char *wr_reason_tls(const char *openssl_text);

#endif
