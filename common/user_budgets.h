/*
 * How much each user may do: a rate (common/rate_limit.h) for everything that they do in this
 * process, by whatever connection.
 *
 * The number of users is bounded, by USER_BUDGETS_SETS * USER_BUDGETS_WAYS; where there is no room
 * for one more, the one makes room who has most left. A budget that is full again is one of
 * somebody who was never here, so nothing is lost by forgetting it, and whoever has used theirs up
 * is forgotten last: coming back does not fill it.
 *
 * Any thread.
 */
#ifndef MESSAGERIE_COMMON_USER_BUDGETS_H
#define MESSAGERIE_COMMON_USER_BUDGETS_H

#include <stdbool.h>
#include <stdint.h>

/* A user has room in one set, found by the hash of their id. */
#define USER_BUDGETS_SETS 1024
#define USER_BUDGETS_WAYS 16

struct user_budgets;

/* NULL without memory. It takes no more later. */
struct user_budgets *user_budgets_create(void);
void user_budgets_free(struct user_budgets *budgets);

/* Takes one of what the user may do: `burst` at once and `per_second` on average, both at least 1,
 * and perhaps others than the last time. `user_id` has at most FOREIGN_ID_MAX_BYTES (common/id.h).
 * `now_ms` is monotonic. False when nothing is left, and *retry_after_s, at least 1, tells when
 * there will be. */
bool user_budgets_take(struct user_budgets *budgets, const char *user_id, int64_t now_ms,
                       int64_t burst, int64_t per_second, int64_t *retry_after_s);

#endif
