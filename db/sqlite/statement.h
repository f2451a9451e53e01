/*
 * Statements of a connection of SQLite's: that part of struct driver (db/engine/driver.h, where
 * each function is described). For db/sqlite/ alone.
 */
#ifndef MESSAGERIE_DB_SQLITE_STATEMENT_H
#define MESSAGERIE_DB_SQLITE_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "db/engine/driver.h"

struct statement *sqlite_statement_prepare(struct connection *connection, enum sql_id id);

void sqlite_statement_bind_text(struct statement *statement, int parameter, const char *text,
                                size_t length);
void sqlite_statement_bind_integer(struct statement *statement, int parameter, int64_t number);

enum step sqlite_statement_step(struct statement *statement, struct error *error);
bool sqlite_statement_run(struct statement *statement, int64_t *changes, struct error *error);
void sqlite_statement_reset(struct statement *statement);

const char *sqlite_statement_text(struct statement *statement, int column);
size_t sqlite_statement_bytes(struct statement *statement, int column);
int64_t sqlite_statement_integer(struct statement *statement, int column);
bool sqlite_statement_is_null(struct statement *statement, int column);

#endif
