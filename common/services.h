/*
 * What nearly every module borrows from its main: the log, the clock and the randomness. The main
 * owns it, keeps it alive until everything else is closed, and never changes it meanwhile.
 */
#ifndef MESSAGERIE_COMMON_SERVICES_H
#define MESSAGERIE_COMMON_SERVICES_H

#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"

struct services {
    const struct log *log;
    const struct clock *clock;
    const struct random_source *random;
};

#endif
