// Headers of an object, from the rule and from weir.yaml.
#include "sinks/s3/s3.h"

#include <zlib.h>

#include "sql/base/banned.h"

// The CRC-32 as S3 wants it: four bytes, the first the highest, in base64.
static wr_str crc32_text(wr_str body, char room[WR_S3_CRC32_LEN])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint64_t sum = crc32_z(0, (const Bytef *)body.at, body.len);
    for (int i = 0; i < 6; i++) { // 36 bits, of which the last four are none of the sum's
        room[i] = digits[(sum << 4) >> (30 - 6 * i) & 63];
    }
    room[6] = room[7] = '=';
    return (wr_str){room, WR_S3_CRC32_LEN};
}

size_t wr_s3_headers(struct wr_s3_headers *h, const struct wr_param *params, wr_str body,
                     bool checksum)
{
    size_t count = 0;
    if (params[WR_S3_ACL].set) {
        h->at[count++] = (struct wr_http_header){WR_STR("x-amz-acl"), params[WR_S3_ACL].text};
    }
    if (checksum) {
        h->at[count++] =
            (struct wr_http_header){WR_STR("x-amz-checksum-crc32"), crc32_text(body, h->crc32)};
    }
    return count;
}
