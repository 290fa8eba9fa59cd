// What the broker's status table is read by (schema.c): every column of a certificate that it
// wants, so that 100,000 of them are read without their PEM texts, in 75 ms instead of 270.
#ifndef WR_ENGINE_REGISTRY_SCHEMA_BROKER_SQL_H
#define WR_ENGINE_REGISTRY_SCHEMA_BROKER_SQL_H

#define WR_SCHEMA_BROKER \
    "CREATE INDEX certificates_broker ON certificates(cert_id, realm, status, not_after_s);"

#endif
