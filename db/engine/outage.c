#include "db/engine/outage.h"

void outage_init(struct outage *outage, const struct services *services, const char *path)
{
    *outage = (struct outage){.services = services, .path = path};
    pthread_mutex_init(&outage->lock, NULL);
}

void outage_destroy(struct outage *outage)
{
    pthread_mutex_destroy(&outage->lock);
}

/* Every request that a full disk fails comes here: one line a second says as much, and does not
 * fill the disk further. */
void outage_failed(struct outage *outage, const struct error *error)
{
    pthread_mutex_lock(&outage->lock);
    outage->lasts = true;
    outage->failures++;
    pthread_mutex_unlock(&outage->lock);
    log_limited(outage->services->log, &outage->failing, LOG_LEVEL_ERROR,
                "the database cannot be used", LOG_TEXT("path", outage->path),
                LOG_TEXT("reason", error->detail));
}

/* With a full disk what reads succeeds while what writes fails: both lines are limited. */
void outage_succeeded(struct outage *outage)
{
    pthread_mutex_lock(&outage->lock);
    bool has_lasted = outage->lasts;
    outage->lasts = false;
    pthread_mutex_unlock(&outage->lock);
    if (has_lasted)
        log_limited(outage->services->log, &outage->recovering, LOG_LEVEL_INFO,
                    "the database can be used again", LOG_TEXT("path", outage->path));
}

uint64_t outage_failures(struct outage *outage)
{
    pthread_mutex_lock(&outage->lock);
    uint64_t failures = outage->failures;
    pthread_mutex_unlock(&outage->lock);
    return failures;
}
