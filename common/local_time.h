/*
 * Dates and hours as people in the salon's time zone read them, in French, right across daylight
 * saving (the system's time zone database).
 */
#ifndef MESSAGERIE_COMMON_LOCAL_TIME_H
#define MESSAGERIE_COMMON_LOCAL_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

/* "mercredi 30 septembre 2026", with accents and NUL. */
#define LOCAL_TIME_TEXT_BYTES 64

/* Makes `zone` (such as Europe/Paris) the time zone of the process. To be called by a main before
 * it starts threads. False with ERROR_INVALID (English) when the system has no such zone. */
bool local_time_use_zone(const char *zone, struct error *error);

/* "jeudi 12 mars 2026", "12/03/2026", "14 h 30" (with no-break spaces). Any thread. */
void local_time_long_date(int64_t wall_ms, char out[LOCAL_TIME_TEXT_BYTES]);
void local_time_short_date(int64_t wall_ms, char out[LOCAL_TIME_TEXT_BYTES]);
void local_time_hour(int64_t wall_ms, char out[LOCAL_TIME_TEXT_BYTES]);

#endif
