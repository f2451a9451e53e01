/*
 * What nearly every module borrows from its main: the log, the clock, the randomness and where ids
 * come from. The main owns it, keeps it alive until everything else is closed, and changes nothing
 * of it meanwhile but the log's level.
 */
#ifndef MESSAGERIE_COMMON_SERVICES_H
#define MESSAGERIE_COMMON_SERVICES_H

#include "common/clock.h"
#include "common/id.h"
#include "common/log.h"
#include "common/random.h"

struct services {
    const struct log *log;
    const struct clock *clock;
    const struct random_source *random;
    struct id_source *ids;
};

#endif
