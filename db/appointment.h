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
#include "db/engine/operation.h"
#include "db/input.h"

/* Changes that are kept for one appointment that is not there yet; more are ERROR_INVALID. */
#define EARLY_CHANGES_MAX 100

/* The texts of SYSTEM messages and of subjects. Immutable; any thread. */
struct appointment_texts;

/* Reads confirmed.txt, pending.txt, moved.txt, postponed.txt, cancelled.txt, completed.txt and
 * subject.txt from `directory`; a file that is missing there is replaced by a text of our own. NULL
 * with *error (English): a text that is not a template, or uses an unknown variable, with its line.
 */
struct appointment_texts *appointment_texts_load(const char *directory, struct error *error);
void appointment_texts_free(struct appointment_texts *texts);

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
