#include "common/unsubscribe_token.h"

#include <string.h>

#include "common/assert.h"
#include "common/base64url.h"
#include "common/buffer.h"

/* What the secret is made another key with. */
#define PURPOSE "messagerie unsubscribe 1"
/* The first byte of what is signed. */
#define TOKEN_VERSION '1'
/* What is signed: version, two ids, NUL between them. */
#define CONTENT_BYTES (1 + FOREIGN_ID_MAX_BYTES + 1 + FOREIGN_ID_MAX_BYTES)

static void add_key(struct unsubscribe_keys *keys, const char *secret)
{
    unsigned char derived[TOKEN_HMAC_BYTES];
    struct token_key key = {0};

    if (secret[0] == '\0')
        return;
    token_key_set_secret(&key, secret, strlen(secret));
    token_key_sign(&key, PURPOSE, strlen(PURPOSE), derived);
    token_key_set_secret(&keys->keys[keys->count++], derived, sizeof(derived));
    explicit_bzero(derived, sizeof(derived));
    token_key_clear(&key);
}

void unsubscribe_keys_set(struct unsubscribe_keys *keys, const struct config *config)
{
    memset(keys, 0, sizeof(*keys));
    add_key(keys, config->mail_unsubscribe_secret);
    add_key(keys, config->auth_jwt_secret);
    add_key(keys, config->auth_jwt_secret_previous);
}

void unsubscribe_keys_clear(struct unsubscribe_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        token_key_clear(&keys->keys[i]);
    keys->count = 0;
}

bool unsubscribe_token_make(const struct unsubscribe_keys *keys,
                            const struct unsubscription *unsubscription,
                            char out[UNSUBSCRIBE_TOKEN_BYTES])
{
    struct buffer content = BUFFER_EMPTY, text = BUFFER_EMPTY;
    unsigned char signature[TOKEN_HMAC_BYTES];
    const char version = TOKEN_VERSION;

    if (keys->count == 0)
        return false;
    buffer_append(&content, &version, 1);
    buffer_append(&content, unsubscription->user_id, strlen(unsubscription->user_id) + 1);
    buffer_append_text(&content, unsubscription->conversation_id);
    if (!content.failed) {
        token_key_sign(&keys->keys[0], content.data, content.length, signature);
        base64url_append(&text, content.data, content.length);
        buffer_append_text(&text, ".");
        base64url_append(&text, signature, sizeof(signature));
    }
    bool is_made = !content.failed && !text.failed;
    if (is_made) {
        ASSERT(text.length < UNSUBSCRIBE_TOKEN_BYTES);
        strcpy(out, buffer_text(&text) != NULL ? buffer_text(&text) : "");
        is_made = out[0] != '\0';
    }
    buffer_free(&text);
    buffer_free(&content);
    return is_made;
}

static bool is_signed(const struct unsubscribe_keys *keys, const char *content, size_t length,
                      const unsigned char *signature, size_t signature_length)
{
    bool is_good = false;

    for (size_t i = 0; i < keys->count; i++)
        is_good |= token_key_verify(&keys->keys[i], content, length, signature, signature_length) ==
                   TOKEN_KEY_GOOD;
    return is_good;
}

/* Takes what is signed, with a NUL behind it, apart. */
static bool read_content(const char *content, size_t length, struct unsubscription *unsubscription)
{
    const char *user_id = content + 1;
    const char *separator = length > 1 ? memchr(user_id, '\0', length - 1) : NULL;

    if (separator == NULL || content[0] != TOKEN_VERSION)
        return false;
    const char *conversation_id = separator + 1;
    if (strlen(conversation_id) != length - (size_t)(conversation_id - content) ||
        !foreign_id_is_valid(user_id) ||
        (conversation_id[0] != '\0' && !foreign_id_is_valid(conversation_id)))
        return false;
    strcpy(unsubscription->user_id, user_id);
    strcpy(unsubscription->conversation_id, conversation_id);
    return true;
}

bool unsubscribe_token_read(const struct unsubscribe_keys *keys, const char *text,
                            struct unsubscription *unsubscription)
{
    unsigned char content[BASE64URL_ROOM(UNSUBSCRIBE_TOKEN_BYTES) + 1];
    unsigned char signature[BASE64URL_ROOM(UNSUBSCRIBE_TOKEN_BYTES)];
    size_t length, signature_length;
    const char *dot = strchr(text, '.');

    if (dot == NULL || strlen(text) >= UNSUBSCRIBE_TOKEN_BYTES ||
        !base64url_decode(text, (size_t)(dot - text), content, &length) ||
        !base64url_decode(dot + 1, strlen(dot + 1), signature, &signature_length) ||
        length > CONTENT_BYTES ||
        !is_signed(keys, (const char *)content, length, signature, signature_length))
        return false;
    content[length] = '\0';
    return read_content((const char *)content, length, unsubscription);
}
