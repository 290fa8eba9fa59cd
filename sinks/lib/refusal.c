// One sentence, as wr_aws_verdict() makes it of a real answer.
#include "sinks/lib/refusal.h"

#include <stdio.h>

#include "sql/base/banned.h"

void wr_refusal_settle(struct wr_record *rec, enum wr_verdict verdict,
                       const struct wr_refusal_text *text, const struct wr_refusal *refusal)
{
    char message[1024];
    int len = snprintf(message, sizeof message,
                       "%s. The error received was %s (Service: %s; Status Code: %d; Error Code: "
                       "%s; Request ID: local).",
                       text->what, refusal->message, text->service,
                       verdict == WR_REFUSED ? 400 : 500, refusal->code);
    struct wr_why why = {
        .resource = rec->params[rec->sink->impl->resource_option].text,
        .message = {message, (size_t)len < sizeof message ? (size_t)len : sizeof message - 1},
    };
    wr_record_settle(rec, verdict, &why);
}
