/*
 * Appointments, as the booking back-end tells of them, and the one conversation that each has.
 *
 * Everything that follows from a new or changed appointment is one transaction: the directory
 * entries, the conversation with its subject, the SYSTEM message, counters and events. Both
 * operations may be repeated, doubled and come out of order: `version` tells old from new, and a
 * change that arrives before its appointment is kept until it comes.
 */
#ifndef MESSAGERIE_DB_APPOINTMENT_H
#define MESSAGERIE_DB_APPOINTMENT_H

#include <stdbool.h>

#include "common/buffer.h"
#include "common/config.h"
#include "common/error.h"
#include "db/appointment_texts.h"
#include "db/engine/operation.h"
#include "db/input.h"

/* Operation over struct appointment_create. */
struct appointment_create {
    const struct appointment_input *input;
    const struct appointment_texts *texts;
    const struct config *config; /* roles of people who are given none */
    struct buffer *json;         /* result: the Conversation; may be NULL */
    bool existed;                /* result: the appointment had a conversation already */
};
DATABASE_OPERATION(appointment_create, struct appointment_create);

/* Operation over struct appointment_change. */
struct appointment_change {
    const char *appointment_id;
    const struct appointment_change_input *input;
    const struct appointment_texts *texts;
    struct buffer *json; /* result: the Conversation; empty when the change is kept for later, or
                            old and the conversation deleted since; may be NULL */
    bool is_early;       /* result: the appointment is not there yet */
};
DATABASE_OPERATION(appointment_change, struct appointment_change);

#endif
