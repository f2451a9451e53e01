/*
 * People as clients read them (docs/protocol.md). For db/ alone.
 */
#ifndef MESSAGERIE_DB_PERSON_JSON_H
#define MESSAGERIE_DB_PERSON_JSON_H

#include <stdbool.h>

#include "common/error.h"
#include "common/json_writer.h"
#include "db/engine/statement.h"

enum person_view { PERSON_WITH_EMAIL, PERSON_WITHOUT_EMAIL };

/* Writes the value {id, firstName?, …, role}. A person without a row is shown with the id and an
 * empty role. */
bool person_json_write(struct connection *connection, struct json_writer *writer,
                       const char *user_id, enum person_view view, struct error *error);

/* The same of a row, whose first columns are the fields of db/person_row.h. */
void person_json_write_row(struct statement *row, struct json_writer *writer, const char *user_id,
                           enum person_view view);

#endif
