/*
 * `messagerie demo`: a database that looks as if two salons had used it for some weeks.
 *
 * A story is a JSON file that says who there is, which appointments were booked, and what was
 * written when, in days and minutes before the start of the demo. It is played through the very
 * operations that the booking back-end and the pages use, each with the clock set to its moment.
 *
 *   people         [{id, name, and the fields of PUT /messaging/users/:id}]
 *   conversations  [{the fields of POST /messaging/appointments, at, events}]
 *   events         [{at, from: a user id, and the fields of a message}
 *                   {at, read: a user id}
 *                   {at, archive: true}           by the salon
 *                   {at, start?, status?}]        of the appointment
 *
 * `at` and `start` are "DAYS HH:MM", days from today in the salon's time zone and an hour there
 * ("-3 14:30"), or "-N min". Whoever writes has read what came before. The text {origin} stands
 * for where the demo is served.
 */
#ifndef MESSAGERIE_TOOL_DEMO_H
#define MESSAGERIE_TOOL_DEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/config.h"
#include "common/error.h"
#include "common/json_reader.h"
#include "db/appointment.h"
#include "db/database.h"

/* A larger story is refused. */
#define DEMO_STORY_MAX_BYTES 1048576
/* How long the tokens live that the demo hands out. */
#define DEMO_TOKEN_TTL_S 86400

/* The story in the file, with `origin` in its places; to be freed with json_object_put. NULL with
 * *error (the reason in its detail, or a text). */
struct json_object *demo_story_load(const char *path, const char *origin, struct error *error);

/* Operation over struct demo_fill: plays the whole story into an empty database, or only brings the
 * people up to date in one that it has filled before. Any other database is ERROR_INVALID and left
 * as it is. Needs the time zone of common/local_time.h. */
struct demo_fill {
    struct json_object *story;
    const struct appointment_texts *texts;
    const struct config *config;
    bool was_filled; /* result: the story had been played before */
};
DATABASE_OPERATION(demo_fill, struct demo_fill);

/* Appends what the page of the demo asks for: {"people":[{id, role, name, image, token}]}, with
 * tokens that begin at now_ms. */
bool demo_write_people(struct json_object *story, const struct config *config, int64_t now_ms,
                       struct buffer *json, struct error *error);

#endif
