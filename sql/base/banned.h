// Makes functions that have bitten others a compile error. Included last, by every .c file.
#ifndef WR_BASE_BANNED_H
#define WR_BASE_BANNED_H

#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat strtok atoi atol atof
#pragma GCC poison gmtime localtime ctime asctime gets setlocale

#endif
