// The hash key range of 128 bits in equal parts.
#include "sinks/kinesis/shard.h"

#include "sql/base/err.h"

#include "sql/base/banned.h"

__extension__ typedef unsigned __int128 u128;

unsigned wr_kinesis_shard_of(EVP_MD_CTX *md5, wr_str key, unsigned shards)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    wr_assert(EVP_DigestInit_ex2(md5, NULL, NULL) && EVP_DigestUpdate(md5, key.at, key.len) &&
              EVP_DigestFinal_ex(md5, digest, &len) && len == 16);
    u128 hash = 0;
    for (unsigned i = 0; i < len; i++) {
        hash = hash << 8 | digest[i];
    }
    // Each part has floor(2^128 / shards) keys; the last takes what is left over.
    u128 part = shards > 1 ? ~(u128)0 / shards : 0;
    part += part > 0 && ~(u128)0 % shards == shards - 1; // 2^128 is a multiple
    unsigned shard = part > 0 ? (unsigned)(hash / part) : 0;
    return shard < shards ? shard : shards - 1;
}

void wr_kinesis_shard_name(char out[WR_KINESIS_SHARD_LEN + 1], unsigned shard)
{
    memcpy(out, "shardId-000000000000", WR_KINESIS_SHARD_LEN + 1);
    for (char *at = out + WR_KINESIS_SHARD_LEN - 1; shard > 0; shard /= 10) {
        *at-- = (char)('0' + shard % 10);
    }
}
