/*
 * What a link at the end of a mail proves: that we wrote it to this person, so that one click
 * (RFC 8058) stops the mails without anybody logging in. It names the person and a conversation,
 * or all of them, and is signed; it grants nothing else. It does not expire: a mail may be read
 * years later, and who wants no more of them is to be heard.
 *
 * Text: base64url of "1" person NUL conversation, a dot, base64url of its HMAC-SHA256. The key is
 * derived from [mail] unsubscribe_secret, or from the secrets that tokens are signed with, so that
 * a signature of one kind is never good for the other.
 *
 * Made by one thread, then immutable; any thread.
 */
#ifndef MESSAGERIE_COMMON_UNSUBSCRIBE_TOKEN_H
#define MESSAGERIE_COMMON_UNSUBSCRIBE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/id.h"
#include "common/token_key.h"

/* The text, with its NUL. */
#define UNSUBSCRIBE_TOKEN_BYTES 256

/* What a token names. */
struct unsubscription {
    char user_id[FOREIGN_ID_MAX_BYTES + 1];
    char conversation_id[FOREIGN_ID_MAX_BYTES + 1]; /* "" for all */
};

struct unsubscribe_keys {
    struct token_key keys[3]; /* the first signs, all are accepted */
    size_t count;             /* 0 when nothing secret is configured */
};

/* Keeps nothing of `config`. */
void unsubscribe_keys_set(struct unsubscribe_keys *keys, const struct config *config);

/* Wipes them. */
void unsubscribe_keys_clear(struct unsubscribe_keys *keys);

/* False when there is no key. Both ids are valid ones (foreign_id_is_valid), the conversation's may
 * be "". */
bool unsubscribe_token_make(const struct unsubscribe_keys *keys,
                            const struct unsubscription *unsubscription,
                            char out[UNSUBSCRIBE_TOKEN_BYTES]);

/* Whether the text is one of ours; the comparison takes as long for a wrong signature as for a
 * right one. */
bool unsubscribe_token_read(const struct unsubscribe_keys *keys, const char *text,
                            struct unsubscription *unsubscription);

#endif
