/* Numbers and durations, as people write and read them. */
#include "common/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Read digits at *at and move behind them. False if there are none, or more than 64 bits. */
static bool take_u64(const char **at, uint64_t *out)
{
    const char *p = *at;
    if (!is_digit(*p))
        return false;
    uint64_t value = 0;
    for (; is_digit(*p); p++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return false;
    }
    *at = p;
    *out = value;
    return true;
}

bool text_parse_u64(const char *text, uint64_t *out)
{
    uint64_t value;
    if (!take_u64(&text, &value) || *text != '\0')
        return false;
    *out = value;
    return true;
}

static size_t skip_digits(const char **at)
{
    const char *first = *at;
    while (is_digit(**at))
        (*at)++;
    return (size_t)(*at - first);
}

/* [+-] digits [. digits] [e [+-] digits], with a digit before or behind the point: what strtod
 * takes, less hexadecimal, infinity, nan and leading blanks. */
static bool is_decimal(const char *p)
{
    if (*p == '+' || *p == '-')
        p++;
    size_t digits = skip_digits(&p);
    if (*p == '.') {
        p++;
        digits += skip_digits(&p);
    }
    if (digits == 0)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-')
            p++;
        if (skip_digits(&p) == 0)
            return false;
    }
    return *p == '\0';
}

bool text_parse_double(const char *text, double *out)
{
    if (!is_decimal(text))
        return false;
    char *end;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return false;
    *out = value;
    return true;
}

struct byte_unit {
    const char *name;
    double bytes;
};

static const struct byte_unit byte_units[] = {
    { "", 1 },         { "B", 1 },        { "kB", 1e3 },     { "KB", 1e3 },
    { "MB", 1e6 },     { "GB", 1e9 },     { "TB", 1e12 },    { "KiB", 0x1p10 },
    { "MiB", 0x1p20 }, { "GiB", 0x1p30 }, { "TiB", 0x1p40 },
};

bool text_parse_bytes(const char *text, double *out)
{
    char digits[64];
    size_t len = strspn(text, "0123456789.");
    double number;
    if (len >= sizeof(digits))
        return false;
    memcpy(digits, text, len);
    digits[len] = '\0';
    if (!text_parse_double(digits, &number))
        return false;
    const char *unit = text + len;
    unit += *unit == ' ';
    for (size_t i = 0; i < sizeof(byte_units) / sizeof(byte_units[0]); i++) {
        if (strcmp(byte_units[i].name, unit) == 0) {
            *out = number * byte_units[i].bytes;
            return true;
        }
    }
    return false;
}

struct unit {
    const char *name;
    int64_t ms;
};

/* Largest first, as they must be written. "ms" stands before "m", which is its beginning. */
static const struct unit units[] = {
    { "d", 86400000 }, { "h", 3600000 }, { "ms", 1 }, { "m", 60000 }, { "s", 1000 },
};

static const struct unit *take_unit(const char **at)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t len = strlen(units[i].name);
        if (strncmp(*at, units[i].name, len) == 0) {
            *at += len;
            return &units[i];
        }
    }
    return NULL;
}

bool text_parse_duration_ms(const char *text, int64_t *out_ms)
{
    uint64_t seconds;
    int64_t total = 0, last_ms = INT64_MAX;
    if (text_parse_u64(text, &seconds)) {
        if (seconds > INT64_MAX / 1000)
            return false;
        *out_ms = (int64_t)seconds * 1000;
        return true;
    }
    do {
        uint64_t count;
        if (!take_u64(&text, &count))
            return false;
        const struct unit *unit = take_unit(&text);
        if (!unit || unit->ms >= last_ms) /* each unit once, in order */
            return false;
        int64_t ms;
        if (__builtin_mul_overflow(count, unit->ms, &ms) ||
            __builtin_add_overflow(total, ms, &total))
            return false;
        last_ms = unit->ms;
    } while (*text != '\0');
    *out_ms = total;
    return true;
}

void text_format_duration(char *out, size_t out_bytes, int64_t ms)
{
    const char *sign = ms < 0 ? "-" : "";
    uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    uint64_t s = left / 1000, m = s / 60, h = m / 60, d = h / 24;
    if (d > 0)
        (void)snprintf(out, out_bytes, "%s%" PRIu64 "d %02" PRIu64 "h", sign, d, h % 24);
    else if (h > 0)
        (void)snprintf(out, out_bytes, "%s%" PRIu64 "h %02" PRIu64 "m", sign, h, m % 60);
    else if (m > 0)
        (void)snprintf(out, out_bytes, "%s%" PRIu64 "m %02" PRIu64 "s", sign, m, s % 60);
    else if (s > 0)
        (void)snprintf(out, out_bytes, "%s%" PRIu64 "s", sign, s);
    else
        (void)snprintf(out, out_bytes, "%s%" PRIu64 "ms", sign, left);
}

static unsigned days_in_year(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 366 : 365;
}

/* The day of a year, from 0, as month and day, from 1. */
static unsigned take_months(unsigned year, unsigned *day)
{
    const unsigned days[] = {
        31, days_in_year(year) - 337, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };
    unsigned month = 0;
    while (*day >= days[month])
        *day -= days[month++];
    ++*day;
    return month + 1;
}

void text_format_time(char out[TEXT_TIME_BYTES], int64_t wall_ms)
{
    static const int64_t LAST_SECOND = 253402300799; /* of 9999 */
    int64_t s = wall_ms > 0 ? wall_ms / 1000 : 0;
    s = s < LAST_SECOND ? s : LAST_SECOND;
    unsigned day = (unsigned)(s / 86400), second = (unsigned)(s % 86400), year = 1970;
    while (day >= days_in_year(year))
        day -= days_in_year(year++);
    unsigned month = take_months(year, &day);
    (void)snprintf(out, TEXT_TIME_BYTES, "%04u-%02u-%02uT%02u:%02u:%02uZ", year % 10000,
                   month % 100, day % 100, second / 3600 % 24, second / 60 % 60, second % 60);
}

void text_format_count(char *out, size_t out_bytes, uint64_t count)
{
    char digits[21], grouped[27];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, count);
    size_t n = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            grouped[n++] = ',';
        grouped[n++] = digits[i];
    }
    grouped[n] = '\0';
    (void)snprintf(out, out_bytes, "%s", grouped);
}
