/*
 * What the booking side's appointments are told with: templates of French text. Immutable once they
 * are loaded; any thread.
 */
#ifndef MESSAGERIE_DB_APPOINTMENT_TEXTS_H
#define MESSAGERIE_DB_APPOINTMENT_TEXTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"

/* The texts of SYSTEM messages and of subjects. Immutable; any thread. */
struct appointment_texts;

/* Reads confirmed.txt, pending.txt, moved.txt, postponed.txt, cancelled.txt, completed.txt and
 * subject.txt from `directory`; a file that is missing there is replaced by a text of our own. NULL
 * with *error (English): a text that is not a template, or uses an unknown variable, with its line.
 */
struct appointment_texts *appointment_texts_load(const char *directory, struct error *error);
void appointment_texts_free(struct appointment_texts *texts);

/* ---- for db/ alone ------------------------------------------------------------------------- */

enum appointment_text {
    APPOINTMENT_TEXT_PENDING,
    APPOINTMENT_TEXT_CONFIRMED,
    APPOINTMENT_TEXT_MOVED,
    APPOINTMENT_TEXT_POSTPONED,
    APPOINTMENT_TEXT_CANCELLED,
    APPOINTMENT_TEXT_COMPLETED,
    APPOINTMENT_TEXT_SUBJECT,
    APPOINTMENT_TEXT_COUNT,
};

/* What stands in the places of a text. */
struct appointment_words {
    const char *first_name; /* of the client; or "" */
    const char *salon;
    const char *prestation;
    int64_t start_ms;
};

/* Appends the text to `out`, empty before. */
bool appointment_texts_render(const struct appointment_texts *texts, enum appointment_text kind,
                              const struct appointment_words *words, struct buffer *out,
                              struct error *error);

#endif
