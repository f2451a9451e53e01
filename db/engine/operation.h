/*
 * Operations and queries as values: what is to be done, and with what. The headers of db/ declare
 * them, a line each; db/engine/database.h runs them.
 */
#ifndef MESSAGERIE_DB_ENGINE_OPERATION_H
#define MESSAGERIE_DB_ENGINE_OPERATION_H

#include <stdbool.h>

#include "common/error.h"
#include "common/services.h"

struct connection;  /* db/engine/statement.h */
struct transaction; /* db/engine/transaction.h, for db/ alone */

/* An operation with its argument: what is to be changed, as database_write and its like are told.
 * Made by the function that DATABASE_OPERATION declares, so that it has the argument it needs. */
struct database_operation {
    bool (*run)(struct transaction *transaction, void *argument, struct error *error);
    void *argument; /* borrowed until it has run */
};

/* Declares the operation NAME over an argument of TYPE. Callers write NAME(&argument), for instance
 * database_write(database, message_create(&create), &error). NAME_run, which its module defines,
 * does the work: it changes the database through `transaction`, and false with *error undoes all
 * that it did. It may be run on another thread than the caller's. Nobody but operations that are
 * made of others calls it directly. */
/* NOLINTBEGIN(bugprone-macro-parentheses): a type can't stand in them */
/* clang-format off */
#define DATABASE_OPERATION(NAME, TYPE)                                                             \
    bool NAME##_run(struct transaction *transaction, TYPE *argument, struct error *error);         \
    static inline bool NAME##_run_any(struct transaction *transaction, void *argument,             \
                                      struct error *error)                                         \
    {                                                                                              \
        return NAME##_run(transaction, argument, error);                                           \
    }                                                                                              \
    static inline struct database_operation NAME(TYPE *argument)                                   \
        __attribute__((warn_unused_result));                                                       \
    static inline struct database_operation NAME(TYPE *argument)                                   \
    {                                                                                              \
        return (struct database_operation){NAME##_run_any, (void *)argument};                      \
    }                                                                                              \
    struct database_operation /* takes the semicolon */
/* clang-format on */

/* A query with its argument, likewise: NAME_run reads through `connection` in one read transaction,
 * a consistent picture. */
struct database_query {
    bool (*run)(struct connection *connection, void *argument, struct error *error);
    void *argument;
};

/* clang-format off */
#define DATABASE_QUERY(NAME, TYPE)                                                                 \
    bool NAME##_run(struct connection *connection, TYPE *argument, struct error *error);           \
    static inline bool NAME##_run_any(struct connection *connection, void *argument,               \
                                      struct error *error)                                         \
    {                                                                                              \
        return NAME##_run(connection, argument, error);                                            \
    }                                                                                              \
    static inline struct database_query NAME(TYPE *argument)                                       \
        __attribute__((warn_unused_result));                                                       \
    static inline struct database_query NAME(TYPE *argument)                                       \
    {                                                                                              \
        return (struct database_query){NAME##_run_any, (void *)argument};                          \
    }                                                                                              \
    struct database_query /* takes the semicolon */
/* clang-format on */

/* ---- for operations that are made of others ------------------------------------------------ */

/* What queries read through, within the operation's transaction. */
struct connection *transaction_connection(struct transaction *transaction);

/* Where an operation takes the time from, that of the transaction's begin, and identifiers. Others
 * may be set for what is to look as if it had been done at another time: they are borrowed, and
 * their time is read at once. Those that were there are set again before the operation ends. */
const struct services *transaction_services(const struct transaction *transaction);
void transaction_set_services(struct transaction *transaction, const struct services *services);

/* NOLINTEND(bugprone-macro-parentheses) */

#endif
