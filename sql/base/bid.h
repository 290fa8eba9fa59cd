// Intel's decimal library as Debian builds it into libbidgcc000.a, without the warnings its headers
// give under our flags. The three zeros of the name: arguments by value, the rounding mode an
// argument, the status flags behind a pointer. Other settings would link and go wrong; test_num.c
// notices. For num.c only. Thread: any.
#ifndef WR_BASE_BID_H
#define WR_BASE_BID_H

#define DECIMAL_CALL_BY_REFERENCE      0
#define DECIMAL_GLOBAL_ROUNDING        0
#define DECIMAL_GLOBAL_EXCEPTION_FLAGS 0

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wshadow"
#include <bid_conf.h>

#include <bid_functions.h>
#pragma GCC diagnostic pop

#define WR_BID_HALF_EVEN 0u // the library's name for it stands in no header

#endif
