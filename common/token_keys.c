#include "common/token_keys.h"

#include <string.h>

#include "common/buffer.h"
#include "common/json_reader.h"
#include "common/text_file.h"
#include "common/token_jwk.h"

/* A file with keys, in bytes: one of a kind has some hundred, a certificate a few thousand. */
#define KEY_FILE_MAX_BYTES 65536

/* How a PEM begins (RFC 7468 section 2). */
#define PEM_BEGIN "-----BEGIN "

/* A place for one more; NULL with *error when there are too many. */
static struct token_key *next_key(struct token_keys *keys, struct error *error)
{
    if (keys->count < TOKEN_KEYS_MAX)
        return &keys->keys[keys->count++];
    error_set(error, ERROR_INVALID, "more than %d keys in [auth]", TOKEN_KEYS_MAX);
    return NULL;
}

/* ---- secrets ---- */

static bool add_secret(struct token_keys *keys, const char *secret, struct error *error)
{
    if (secret[0] == '\0')
        return true;
    struct token_key *key = next_key(keys, error);
    if (key == NULL)
        return false;
    token_key_set_secret(key, secret, strlen(secret));
    return true;
}

/* ---- files ---- */

static bool read_key_file(const char *path, struct buffer *content, struct error *error)
{
    return text_file_read(path, KEY_FILE_MAX_BYTES, content, error) &&
           (buffer_text(content) != NULL || error_out_of_memory(error));
}

/* May hold secrets. */
static void free_content(struct buffer *content)
{
    if (content->data != NULL)
        explicit_bzero(content->data, content->capacity);
    buffer_free(content);
}

/* ---- public keys in PEM form ---- */

/* The first of the text. */
static bool add_pem(struct token_keys *keys, const char *path, enum token_algorithm algorithm,
                    const char *pem, struct error *error)
{
    struct token_key *key = next_key(keys, error);
    const char *reason;

    if (key == NULL)
        return false;
    switch (token_key_set_pem(key, algorithm, pem, &reason)) {
    case TOKEN_KEY_GOOD:
        return true;
    case TOKEN_KEY_BAD:
        return error_set(error, ERROR_INVALID, "%s: %s", path, reason);
    case TOKEN_KEY_NO_MEMORY:
        break;
    }
    return error_out_of_memory(error);
}

static bool add_pems(struct token_keys *keys, const char *path, enum token_algorithm algorithm,
                     const struct buffer *content, struct error *error)
{
    const char *pem = strstr(content->data, PEM_BEGIN);

    if (pem == NULL)
        return error_set(error, ERROR_INVALID, "%s: is no public key in PEM form", path);
    if (strstr(pem, "PRIVATE KEY-----") != NULL)
        return error_set(error, ERROR_INVALID,
                         "%s: holds a private key; only the public key belongs here", path);
    for (; pem != NULL; pem = strstr(pem + 1, PEM_BEGIN))
        if (!add_pem(keys, path, algorithm, pem, error))
            return false;
    return true;
}

static bool add_public_keys(struct token_keys *keys, const struct config *config,
                            struct error *error)
{
    const char *path = config->auth_jwt_public_key_file;
    struct buffer content = BUFFER_EMPTY;
    enum token_algorithm algorithm;

    if (path[0] == '\0')
        return true;
    if (!token_algorithm_parse(config->auth_jwt_public_key_algorithm, &algorithm))
        return error_set(error, ERROR_INVALID, "jwt_public_key_algorithm in [auth] is missing");
    bool is_added =
        read_key_file(path, &content, error) && add_pems(keys, path, algorithm, &content, error);
    free_content(&content);
    return is_added;
}

/* ---- a set of keys in JSON (RFC 7517 section 5) ---- */

static bool add_jwk(struct token_keys *keys, const char *path, struct json_object *set,
                    size_t index, struct error *error)
{
    struct token_key *place;
    struct token_key key = {0};
    const char *reason;

    switch (token_jwk_read(json_object_array_get_idx(set, index), &key, &reason)) {
    case TOKEN_JWK_GOOD:
        place = next_key(keys, error);
        if (place == NULL)
            break;
        *place = key;
        explicit_bzero(&key, sizeof(key));
        return true;
    case TOKEN_JWK_OTHER:
        return true;
    case TOKEN_JWK_BAD:
        error_set(error, ERROR_INVALID, "%s: keys.%zu: %s", path, index, reason);
        break;
    case TOKEN_JWK_NO_MEMORY:
        error_out_of_memory(error);
        break;
    }
    token_key_clear(&key);
    return false;
}

static bool add_jwks(struct token_keys *keys, const char *path, const struct buffer *content,
                     struct error *error)
{
    struct error json_error;
    size_t count_before = keys->count;

    error_clear(&json_error);
    struct json_object *file =
        json_read_members(content->data, content->length, token_jwk_members, &json_error);
    if (file == NULL && json_error.kind != ERROR_INVALID)
        return json_error.kind == ERROR_UNAVAILABLE
                   ? error_out_of_memory(error)
                   : error_set(error, ERROR_INVALID, "%s: holds too many keys", path);
    struct json_object *set = json_get(file, "keys");
    bool is_good = true;
    if (json_object_is_type(set, json_type_array))
        for (size_t i = 0; is_good && i < json_object_array_length(set); i++)
            is_good = add_jwk(keys, path, set, i, error);
    if (is_good && keys->count == count_before)
        is_good =
            error_set(error, ERROR_INVALID,
                      "%s: is no set of keys in JSON with one for HS256, RS256 or ES256", path);
    json_object_put(file);
    return is_good;
}

static bool add_key_set(struct token_keys *keys, const char *path, struct error *error)
{
    struct buffer content = BUFFER_EMPTY;

    if (path[0] == '\0')
        return true;
    bool is_added = read_key_file(path, &content, error) && add_jwks(keys, path, &content, error);
    free_content(&content);
    return is_added;
}

/* ---- all ---- */

static const struct token_key *find_signer(const struct token_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        if (keys->keys[i].algorithm == TOKEN_HS256)
            return &keys->keys[i];
    return NULL;
}

bool token_keys_load(struct token_keys *keys, const struct config *config, struct error *error)
{
    memset(keys, 0, sizeof(*keys));
    if (!add_secret(keys, config->auth_jwt_secret, error) ||
        !add_public_keys(keys, config, error) ||
        !add_key_set(keys, config->auth_jwt_keys_file, error))
        return false;
    keys->signer = find_signer(keys);
    /* What is on its way out signs nothing. */
    return add_secret(keys, config->auth_jwt_secret_previous, error);
}

bool token_keys_contain(const struct token_keys *keys, const struct token_fingerprint *fingerprint)
{
    for (size_t i = 0; i < keys->count; i++)
        if (memcmp(&keys->keys[i].fingerprint, fingerprint, sizeof(*fingerprint)) == 0)
            return true;
    return false;
}

void token_keys_clear(struct token_keys *keys)
{
    /* One that is no longer counted may be half made. */
    for (size_t i = 0; i < TOKEN_KEYS_MAX; i++)
        token_key_clear(&keys->keys[i]);
    memset(keys, 0, sizeof(*keys));
}
