/*
 * For the tests of appointments: the fixture of db/ with the texts that they are told with, and
 * bookings of c1 at s1.
 */
#ifndef MESSAGERIE_TESTS_BOOKING_FIXTURE_H
#define MESSAGERIE_TESTS_BOOKING_FIXTURE_H

#include "tests/unit/db_fixture.h"

/* 12 March 2026, 14:30 in Paris, winter time; and 2 April, 9:00, summer time. */
#define MARCH_MS 1773322200000
#define APRIL_MS 1775113200000

struct suite {
    struct fixture *fixture;
    struct appointment_texts *texts;
};

/* cmocka set-up and tear-down: a struct suite. */
int suite_set_up(void **state);
int suite_tear_down(void **state);

/* A booking for MARCH_MS; `version` -1: none. */
struct appointment_input fixture_booking(const char *id, enum appointment_status status,
                                         int64_t version);

/* A change of nothing but the status. */
struct appointment_change_input fixture_status_change(enum appointment_status status,
                                                      int64_t version);

/* True when it opened a conversation. */
bool suite_book(struct suite *suite, const struct appointment_input *input);

/* True when the appointment was known. */
bool suite_change(struct suite *suite, const char *id,
                  const struct appointment_change_input *input);

/* The number of messages whose text is like the pattern, in SQL's sense. */
int64_t suite_messages_like(struct suite *suite, const char *pattern);

#endif
