/*
 * A person's rights over their data: erasure and export (GDPR articles 17 and 15).
 */
#ifndef MESSAGERIE_DB_PRIVACY_H
#define MESSAGERIE_DB_PRIVACY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "db/engine/operation.h"

/* The event that tells the brokers, and no client, that the user it is addressed to was erased. */
#define PERSON_ERASED_EVENT "user-erased"

/* Operation over struct person_erase: empties the directory row (which stays, so that no token
 * makes the person again), preferences and mutes, the names of files that they sent, the names that
 * they have or had in SYSTEM messages and subjects, what the outbox still holds of their
 * conversations, and what their sockets could recover from; then those are told to end. The other
 * side's thread stays readable.
 * ERROR_NOT_FOUND when there is no such person, or not any more. */
struct person_erase {
    const char *user_id;
    int64_t conversations; /* result: that they were in */
};
DATABASE_OPERATION(person_erase, struct person_erase);

/* Query over struct erasure_times, for whoever keeps texts of people outside of the database: when
 * somebody was erased last, and when the latest of those who are named was, people by their ids and
 * those of appointments. Wall times in milliseconds; 0: never, or they are there again. */
struct erasure_times {
    const char *user_ids[2];    /* NULL: none */
    const char *appointment_id; /* or NULL */
    int64_t newest;             /* result */
    int64_t of_named;           /* result */
    bool knows_named;           /* result: whether any of them is known at all */
};
DATABASE_QUERY(erasure_times, struct erasure_times);

/* Query over struct person_export: all that is held on the person, as one JSON object: directory
 * row, former names, preferences, appointments, the broker's sessions (without their secret ids),
 * and for each conversation what they wrote and what SYSTEM messages tell them. ERROR_NOT_FOUND. */
struct person_export {
    const char *user_id;
    struct buffer *json;
};
DATABASE_QUERY(person_export, struct person_export);

#endif
