// What simdjson's On-Demand takes for the job of bench/micro/evaluate.c's first rule, written by
// hand for it: temp > 39, and four columns as JSON. It skips what it is not asked for unchecked, as
// weir may not: a floor. The only C++ here, built where libsimdjson-dev is installed.
#include <simdjson.h>

#include <cstdio>

using namespace simdjson;

static ondemand::parser parser;

// `len` bytes at `at` with SIMDJSON_PADDING readable behind them. Bytes written to `out`, 0: no
// match, or no such document.
extern "C" size_t floor_simdjson(const char *at, size_t len, char *out, size_t size)
{
    ondemand::document doc;
    double temp, humidity, lat;
    std::string_view device;
    if (parser.iterate(at, len, len + SIMDJSON_PADDING).get(doc) ||
        doc["device"].get_string().get(device) || doc["temp"].get_double().get(temp)) {
        return 0;
    }
    if (!(temp > 39)) {
        return 0;
    }
    if (doc["humidity"].get_double().get(humidity) || doc["pos"]["lat"].get_double().get(lat)) {
        return 0;
    }
    int n = snprintf(out, size, "{\"device\":\"%.*s\",\"temp\":%g,\"humidity\":%g,\"lat\":%g}",
                     static_cast<int>(device.size()), device.data(), temp, humidity, lat);
    return n > 0 ? static_cast<size_t>(n) : 0;
}
