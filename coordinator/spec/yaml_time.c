/* Deadlines: a duration, or a date and time. Only years that people still plan for. */
#include "common/text.h"
#include "coordinator/spec/yaml_private.h"

static const char expected[] =
    "a duration, such as 8h, or a date and time (UTC), such as 2031-05-01 18:00";

enum { YEAR_MIN = 2000, YEAR_MAX = 2999, DURATION_MS_MIN = 1 };
static const int64_t DEADLINE_MS_MAX = 366ll * 24 * 60 * 60 * 1000;

/* Exactly so many digits, and the number moves behind them. */
static bool take_number(const char **at, int digits, int min, int max, int *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *out = 10 * *out + (**at - '0');
    }
    return *out >= min && *out <= max;
}

static bool take_byte(const char **at, const char *any_of)
{
    if (**at == '\0' || !strchr(any_of, **at))
        return false;
    (*at)++;
    return true;
}

static int days_in(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap);
}

static int64_t days_since_1970(int year, int month, int day)
{
    int64_t days = day - 1;
    for (int y = 1970; y < year; y++)
        days += 337 + days_in(y, 2);
    for (int m = 1; m < month; m++)
        days += days_in(year, m);
    return days;
}

/* 2031-05-01 18:00, 2031-05-01T18:00:30Z */
static bool parse_time(const char *text, int64_t *out_ms)
{
    const char *at = text;
    int year, month, day, hour, minute, second = 0;
    if (!take_number(&at, 4, YEAR_MIN, YEAR_MAX, &year) || !take_byte(&at, "-") ||
        !take_number(&at, 2, 1, 12, &month) || !take_byte(&at, "-") ||
        !take_number(&at, 2, 1, days_in(year, month), &day) || !take_byte(&at, "T ") ||
        !take_number(&at, 2, 0, 23, &hour) || !take_byte(&at, ":") ||
        !take_number(&at, 2, 0, 59, &minute))
        return false;
    if (*at == ':' && (!take_byte(&at, ":") || !take_number(&at, 2, 0, 59, &second)))
        return false;
    if (*at == 'Z')
        at++;
    int64_t hours = days_since_1970(year, month, day) * 24 + hour;
    *out_ms = ((hours * 60 + minute) * 60 + second) * 1000;
    return *at == '\0';
}

bool yaml_deadline(struct yaml_doc *doc, const struct yaml_node *node, struct yaml_deadline *out)
{
    const char *text;
    struct yaml_deadline d = { .kind = DEADLINE_AFTER };
    if (!yaml_text(doc, node, &text))
        return false;
    if (parse_time(text, &d.ms))
        d.kind = DEADLINE_AT;
    else if (!text_parse_duration_ms(text, &d.ms) || d.ms < DURATION_MS_MIN ||
             d.ms > DEADLINE_MS_MAX) {
        yaml_wrong(doc, node, text, expected);
        return false;
    }
    *out = d;
    return true;
}
