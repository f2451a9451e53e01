#include "common/clock.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#define MS_PER_SECOND INT64_C(1000)
#define MS_PER_MINUTE (60 * MS_PER_SECOND)
#define MS_PER_DAY    (24 * 60 * MS_PER_MINUTE)
/* 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z. */
#define FIRST_MS INT64_C(-62167219200000)
#define LAST_MS  INT64_C(253402300799999)
/* From 0000-03-01, where the era below begins, to 1970-01-01. */
#define DAYS_TO_1970  719468
#define DAYS_PER_ERA  146097 /* 400 years */
#define YEARS_PER_ERA 400

static int64_t read_clock(clockid_t which)
{
    struct timespec now;

    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *context)
{
    (void)context;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_monotonic_ms(void *context)
{
    (void)context;
    return read_clock(CLOCK_MONOTONIC);
}

const struct clock clock_system = {system_wall_ms, system_monotonic_ms, NULL};

int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->context);
}

int64_t clock_monotonic_ms(const struct clock *clock)
{
    return clock->monotonic_ms(clock->context);
}

struct timespec clock_deadline(int64_t from_now_ms)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += (time_t)(from_now_ms / MS_PER_SECOND);
    time.tv_nsec += (long)(from_now_ms % MS_PER_SECOND) * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

void clock_init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct date {
    int64_t year;
    int64_t month; /* 1 to 12 */
    int64_t day;   /* 1 to 31 */
};

/* The proleptic Gregorian calendar, in years that begin in March, so that the leap day is their
 * last; gmtime_r would do the same behind a lock. `days` counts from 1970-01-01, and is none before
 * the year 0: one era more keeps all without sign, in 32 bits, where division is cheap. */
static struct date date_from_days(int64_t days)
{
    uint32_t shifted = (uint32_t)(days + DAYS_TO_1970 + DAYS_PER_ERA);
    uint32_t era = shifted / DAYS_PER_ERA;
    uint32_t day_of_era = shifted % DAYS_PER_ERA;
    uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t march_month = (5 * day_of_year + 2) / 153;
    uint32_t month = march_month < 10 ? march_month + 3 : march_month - 9;

    return (struct date){
        .year = (int64_t)(year_of_era + era * YEARS_PER_ERA) - YEARS_PER_ERA + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * march_month + 2) / 5 + 1,
    };
}

static int64_t days_from_date(struct date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = (year >= 0 ? year : year - (YEARS_PER_ERA - 1)) / YEARS_PER_ERA;
    int64_t year_of_era = year - era * YEARS_PER_ERA;
    int64_t march_month = date.month > 2 ? date.month - 3 : date.month + 9;
    int64_t day_of_year = (153 * march_month + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

static char *write_two_digits(char *out, uint32_t value)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
    return out + 2;
}

/* Two digits and what separates them from the next. */
static char *write_part(char *out, uint32_t value, char separator)
{
    out = write_two_digits(out, value);
    *out++ = separator;
    return out;
}

void timestamp_format(int64_t wall_ms, char out[TIMESTAMP_BYTES])
{
    if (wall_ms < FIRST_MS)
        wall_ms = FIRST_MS;
    if (wall_ms > LAST_MS)
        wall_ms = LAST_MS;
    int64_t day = (wall_ms - FIRST_MS) / MS_PER_DAY + FIRST_MS / MS_PER_DAY;
    uint32_t ms_of_day = (uint32_t)(wall_ms - day * MS_PER_DAY);
    uint32_t second_of_day = ms_of_day / (uint32_t)MS_PER_SECOND;
    struct date date = date_from_days(day);

    out = write_two_digits(out, (uint32_t)date.year / 100);
    out = write_part(out, (uint32_t)date.year % 100, '-');
    out = write_part(out, (uint32_t)date.month, '-');
    out = write_part(out, (uint32_t)date.day, 'T');
    out = write_part(out, second_of_day / 3600, ':');
    out = write_part(out, second_of_day / 60 % 60, ':');
    out = write_part(out, second_of_day % 60, '.');
    uint32_t ms = ms_of_day % 1000;
    *out++ = (char)('0' + ms / 100);
    out = write_part(out, ms % 100, 'Z');
    *out = '\0';
}

/* Exactly `count` digits, at most `maximum`. */
static bool read_digits(const char **text, int count, int64_t maximum, int64_t *value)
{
    *value = 0;
    for (int i = 0; i < count; i++) {
        if (**text < '0' || **text > '9')
            return false;
        *value = *value * 10 + (**text - '0');
        (*text)++;
    }
    return *value <= maximum;
}

static bool read_one_of(const char **text, const char *accepted)
{
    for (; *accepted != '\0'; accepted++) {
        if (**text == *accepted) {
            (*text)++;
            return true;
        }
    }
    return false;
}

static bool read_date(const char **text, struct date *date)
{
    return read_digits(text, 4, 9999, &date->year) && read_one_of(text, "-") &&
           read_digits(text, 2, 12, &date->month) && date->month >= 1 && read_one_of(text, "-") &&
           read_digits(text, 2, days_in_month(date->year, date->month), &date->day) &&
           date->day >= 1;
}

/* The digits beyond milliseconds are dropped. */
static bool read_fraction(const char **text, int64_t *ms)
{
    int64_t scale = 100;

    *ms = 0;
    if (!read_one_of(text, ".,"))
        return true;
    if (**text < '0' || **text > '9')
        return false;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        *ms += (**text - '0') * scale;
        scale /= 10;
    }
    return true;
}

/* To be subtracted from the local time: Z, +01, +0100 or +01:00. */
static bool read_offset(const char **text, int64_t *offset_ms)
{
    int64_t hours;
    int64_t minutes = 0;

    *offset_ms = 0;
    if (read_one_of(text, "Zz"))
        return true;
    bool is_west = **text == '-';
    if (!read_one_of(text, "+-") || !read_digits(text, 2, 23, &hours))
        return false;
    bool has_minutes = read_one_of(text, ":") || (**text >= '0' && **text <= '9');
    if (has_minutes && !read_digits(text, 2, 59, &minutes))
        return false;
    *offset_ms = (hours * 60 + minutes) * MS_PER_MINUTE * (is_west ? -1 : 1);
    return true;
}

/* Seconds may be left out where they are none: Java does. */
static bool read_seconds(const char **text, int64_t *seconds, int64_t *ms)
{
    *seconds = 0;
    *ms = 0;
    return !read_one_of(text, ":") ||
           (read_digits(text, 2, 59, seconds) && read_fraction(text, ms));
}

/* The name of a zone, which says no more of the instant than the offset before it (RFC 9557). */
static bool skip_zone_name(const char **text)
{
    if (!read_one_of(text, "["))
        return true;
    const char *end = strchr(*text, ']');
    if (end == NULL || end == *text)
        return false;
    *text = end + 1;
    return true;
}

bool timestamp_parse(const char *text, int64_t *wall_ms)
{
    struct date date;
    int64_t hours;
    int64_t minutes;
    int64_t seconds;
    int64_t ms;
    int64_t offset_ms;

    if (!read_date(&text, &date) || !read_one_of(&text, "Tt ") ||
        !read_digits(&text, 2, 23, &hours) || !read_one_of(&text, ":") ||
        !read_digits(&text, 2, 59, &minutes) || !read_seconds(&text, &seconds, &ms) ||
        !read_offset(&text, &offset_ms) || !skip_zone_name(&text) || *text != '\0')
        return false;
    int64_t result = days_from_date(date) * MS_PER_DAY + (hours * 60 + minutes) * MS_PER_MINUTE +
                     seconds * MS_PER_SECOND + ms - offset_ms;
    if (result < FIRST_MS || result > LAST_MS)
        return false;
    *wall_ms = result;
    return true;
}
