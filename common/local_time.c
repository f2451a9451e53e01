#include "common/local_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ZONE_DIRECTORY "/usr/share/zoneinfo/"
#define NO_BREAK_SPACE "\u00a0"

/* Not strftime: it writes French only where the system has a French locale, and a server seldom
 * has. */
static const char *const days[] = {"dimanche", "lundi",    "mardi", "mercredi",
                                   "jeudi",    "vendredi", "samedi"};
static const char *const months[] = {"janvier",   "février", "mars",     "avril",
                                     "mai",       "juin",    "juillet",  "août",
                                     "septembre", "octobre", "novembre", "décembre"};

/* The zone of the process, since the C library computes with no other; whoever wants several at
 * once would have to read the time zone database. */
bool local_time_use_zone(const char *zone, struct error *error)
{
    char path[256];
    int length = snprintf(path, sizeof(path), ZONE_DIRECTORY "%s", zone);

    /* tzset() takes an unknown zone for UTC without a word. */
    if (zone[0] == '\0' || zone[0] == '/' || strstr(zone, "..") != NULL || length < 0 ||
        (size_t)length >= sizeof(path) || access(path, R_OK) != 0)
        return error_set(error, ERROR_INVALID,
                         "time zone \"%s\" is unknown here (Debian: apt-get install tzdata)", zone);
    if (setenv("TZ", zone, 1) != 0)
        return error_out_of_memory(error);
    tzset();
    return true;
}

static struct tm local(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm broken_down = {0};

    localtime_r(&seconds, &broken_down);
    return broken_down;
}

void local_time_long_date(int64_t wall_ms, char out[LOCAL_TIME_TEXT_BYTES])
{
    struct tm date = local(wall_ms);

    snprintf(out, LOCAL_TIME_TEXT_BYTES, "%s %d%s %s %d", days[date.tm_wday], date.tm_mday,
             date.tm_mday == 1 ? "er" : "", months[date.tm_mon], date.tm_year + 1900);
}

void local_time_short_date(int64_t wall_ms, char out[LOCAL_TIME_TEXT_BYTES])
{
    struct tm date = local(wall_ms);

    snprintf(out, LOCAL_TIME_TEXT_BYTES, "%02d/%02d/%d", date.tm_mday, date.tm_mon + 1,
             date.tm_year + 1900);
}

void local_time_hour(int64_t wall_ms, char out[LOCAL_TIME_TEXT_BYTES])
{
    struct tm date = local(wall_ms);

    snprintf(out, LOCAL_TIME_TEXT_BYTES, "%d" NO_BREAK_SPACE "h" NO_BREAK_SPACE "%02d",
             date.tm_hour, date.tm_min);
}
