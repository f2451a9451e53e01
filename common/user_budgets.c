#include "common/user_budgets.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/id.h"
#include "common/rate_limit.h"

struct budget {
    struct rate_limit limit;
    char user_id[FOREIGN_ID_MAX_BYTES + 1]; /* "": free */
};

/* Sets, as a processor's cache has them, and not a table with a list by age: nothing grows, nothing
 * is freed, and a user who comes and goes finds their budget as they left it. */
struct user_budgets {
    pthread_mutex_t lock;
    struct budget sets[USER_BUDGETS_SETS][USER_BUDGETS_WAYS];
};

struct user_budgets *user_budgets_create(void)
{
    struct user_budgets *budgets = calloc(1, sizeof(*budgets));

    if (budgets != NULL && pthread_mutex_init(&budgets->lock, NULL) != 0) {
        free(budgets);
        return NULL;
    }
    return budgets;
}

void user_budgets_free(struct user_budgets *budgets)
{
    if (budgets == NULL)
        return;
    pthread_mutex_destroy(&budgets->lock);
    free(budgets);
}

/* FNV-1a: ids are given by the booking side, not picked by a stranger. */
static struct budget *find_set(struct user_budgets *budgets, const char *user_id)
{
    uint64_t sum = UINT64_C(14695981039346656037);

    for (; *user_id != '\0'; user_id++)
        sum = (sum ^ (unsigned char)*user_id) * UINT64_C(1099511628211);
    return budgets->sets[(sum ^ sum >> 32) % USER_BUDGETS_SETS];
}

/* The user's, or one made for them where there is room, or least is lost. */
static struct budget *take_budget(struct budget *set, const char *user_id, int64_t now_ms,
                                  int64_t burst, int64_t per_second)
{
    struct budget *most = NULL;
    int64_t most_left = -1;

    for (size_t i = 0; i < USER_BUDGETS_WAYS; i++) {
        struct budget *budget = &set[i];
        bool is_free = budget->user_id[0] == '\0';
        if (!is_free && strcmp(budget->user_id, user_id) == 0)
            return budget;
        int64_t left =
            is_free ? INT64_MAX : rate_limit_left(&budget->limit, now_ms, burst, per_second);
        if (left > most_left) {
            most = budget;
            most_left = left;
        }
    }
    strcpy(most->user_id, user_id);
    rate_limit_init(&most->limit, now_ms, burst);
    return most;
}

bool user_budgets_take(struct user_budgets *budgets, const char *user_id, int64_t now_ms,
                       int64_t burst, int64_t per_second, int64_t *retry_after_s)
{
    struct budget *set = find_set(budgets, user_id);

    ASSERT(user_id[0] != '\0' && strlen(user_id) <= FOREIGN_ID_MAX_BYTES);
    pthread_mutex_lock(&budgets->lock);
    struct budget *budget = take_budget(set, user_id, now_ms, burst, per_second);
    bool is_taken = rate_limit_take(&budget->limit, now_ms, burst, per_second, retry_after_s);
    pthread_mutex_unlock(&budgets->lock);
    return is_taken;
}
