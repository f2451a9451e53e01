#include "broker/restart.h"

#include <stdlib.h>

#include "broker/presence.h"
#include "broker/worker.h"
#include "common/container.h"
#include "db/recovery.h"

/* How long after the database could not be written it is tried again. */
#define AGAIN_MS 1000

struct restart {
    struct broker_parts *parts;
    struct worker_request request;
    struct recovery_abandon abandon;
    struct buffer people;
    struct timer again;
    int64_t started_at_ms; /* wall time */
};

static void on_abandoned(struct worker_request *request);

static void abandon(struct restart *restart)
{
    restart->request.operation = recovery_abandon(&restart->abandon);
    restart->request.on_done = on_abandoned;
    worker_write(restart->parts->worker, &restart->request);
}

static void on_abandoned(struct worker_request *request)
{
    struct restart *restart = CONTAINER_OF(request, struct restart, request);
    struct broker_parts *parts = restart->parts;

    if (request->succeeded) {
        presence_restore(parts->presence, &restart->people);
        buffer_free(&restart->people);
        return;
    }
    log_warning(loop_services(parts->loop)->log,
                "who was online is not known yet: the database can't be written",
                LOG_TEXT("reason", request->job.error.detail));
    if (parts->is_stopping)
        return;
    /* From now on, clients of this broker may come first. */
    restart->abandon.before_ms = restart->started_at_ms;
    /* Of a commit that was not synced, what was read is still true, and can't be read again. */
    if (restart->people.failed)
        buffer_clear(&restart->people);
    loop_timer_start(parts->loop, &restart->again, AGAIN_MS);
}

static void on_again(struct timer *timer)
{
    abandon(CONTAINER_OF(timer, struct restart, again));
}

struct restart *restart_begin(struct broker_parts *parts)
{
    struct restart *restart = calloc(1, sizeof(*restart));

    if (restart == NULL || !loop_timer_add(parts->loop, &restart->again, on_again)) {
        free(restart);
        return NULL;
    }
    restart->parts = parts;
    restart->started_at_ms = clock_wall_ms(loop_services(parts->loop)->clock);
    restart->abandon =
        (struct recovery_abandon){.before_ms = INT64_MAX, .people = &restart->people};
    abandon(restart);
    return restart;
}

void restart_free(struct restart *restart)
{
    if (restart == NULL)
        return;
    loop_timer_remove(restart->parts->loop, &restart->again);
    buffer_free(&restart->people);
    free(restart);
}
