#include "common/token_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"

/* A PEM file with a public key has less than one KiB, a certificate a few. */
#define KEY_FILE_MAX_BYTES 65536

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

/* Appends the file's content, up to one byte more than KEY_FILE_MAX_BYTES. */
static bool read_file(const char *path, struct buffer *content)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = descriptor >= 0 ? 1 : -1;

    while (got > 0 && content->length <= KEY_FILE_MAX_BYTES) {
        char chunk[4096];
        do
            got = read(descriptor, chunk, sizeof(chunk));
        while (got < 0 && errno == EINTR);
        if (got > 0)
            buffer_append(content, chunk, (size_t)got);
    }
    if (descriptor >= 0) {
        int read_errno = errno;
        close(descriptor);
        errno = read_errno;
    }
    return got >= 0;
}

static bool read_key_file(const char *path, struct buffer *content, struct error *error)
{
    if (!read_file(path, content))
        return error_set(error, ERROR_INVALID, "%s: cannot be read: %s", path, strerror(errno));
    return buffer_text(content) != NULL || error_set(error, ERROR_UNAVAILABLE, "out of memory");
}

static bool add_pem(struct token_keys *keys, const char *path, enum token_algorithm algorithm,
                    const struct buffer *content, struct error *error)
{
    const char *reason = "is no public key in PEM form";

    if (content->length > KEY_FILE_MAX_BYTES || strstr(content->data, "-----BEGIN ") == NULL)
        return error_set(error, ERROR_INVALID, "%s: %s", path, reason);
    if (strstr(content->data, "PRIVATE KEY-----") != NULL)
        return error_set(error, ERROR_INVALID,
                         "%s: holds a private key; only the public key belongs here", path);
    struct token_key *key = next_key(keys, error);
    if (key == NULL)
        return false;
    switch (token_key_set_pem(key, algorithm, content->data, &reason)) {
    case TOKEN_KEY_GOOD:
        return true;
    case TOKEN_KEY_BAD:
        return error_set(error, ERROR_INVALID, "%s: %s", path, reason);
    case TOKEN_KEY_NO_MEMORY:
        break;
    }
    return error_set(error, ERROR_UNAVAILABLE, "out of memory");
}

static bool add_public_key(struct token_keys *keys, const struct config *config,
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
        read_key_file(path, &content, error) && add_pem(keys, path, algorithm, &content, error);
    buffer_free(&content);
    return is_added;
}

/* ---- all ---- */

bool token_keys_load(struct token_keys *keys, const struct config *config, struct error *error)
{
    keys->count = 0;
    return add_secret(keys, config->auth_jwt_secret, error) && add_public_key(keys, config, error);
}

void token_keys_clear(struct token_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        token_key_clear(&keys->keys[i]);
    keys->count = 0;
}
