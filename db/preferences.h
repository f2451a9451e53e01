/*
 * What a person wants to be told of while they are away: whether by e-mail, how often, and of which
 * conversations not (docs/protocol.md, "Preferences").
 *
 * Who has never chosen has the defaults, and no row. ERROR_NOT_FOUND for whom the directory does
 * not know, or not any more.
 */
#ifndef MESSAGERIE_DB_PREFERENCES_H
#define MESSAGERIE_DB_PREFERENCES_H

#include <stdint.h>

#include "common/buffer.h"
#include "db/engine/operation.h"
#include "db/input.h"

/* Of one person: their preferences name each of them. */
#define MUTED_CONVERSATIONS_MAX 1000

/* Query over struct preferences_find: appends the preferences as JSON. */
struct preferences_find {
    const char *user_id;
    struct buffer *json;
};
DATABASE_QUERY(preferences_find, struct preferences_find);

/* Operation over struct preferences_change: what is given takes the place of what was there;
 * appends the new preferences as JSON. Writes nothing when nothing changes. */
struct preferences_change {
    const char *user_id;
    const struct preferences_input *input;
    struct buffer *json;
};
DATABASE_OPERATION(preferences_change, struct preferences_change);

/* Operations over struct conversation_mute: the person is not, or again, told of the conversation
 * while they are away. Muting one that they are not in is ERROR_NOT_FOUND, one too many
 * ERROR_INVALID; what is so already, and unmuting what can't be muted, changes nothing. */
struct conversation_mute {
    const char *user_id;
    const char *conversation_id;
};
DATABASE_OPERATION(conversation_mute, struct conversation_mute);
DATABASE_OPERATION(conversation_unmute, struct conversation_mute);

#endif
