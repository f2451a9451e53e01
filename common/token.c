#include "common/token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jwt.h>

#include "common/buffer.h"
#include "common/json_writer.h"
#include "common/utf8.h"

#define ROLE_SERVICE "service"

/* A PEM file with a public key has less than one KiB, a certificate a few. */
#define PUBLIC_KEY_MAX_BYTES 65536

/* One per algorithm that can be configured at once: HS256, and RS256 or ES256. */
#define KEYS_MAX 2

/* Times of a claim are clamped to 1970 and 9999, so that nobody's arithmetic overflows. */
#define CLAIM_TIME_MAX_MS INT64_C(253402300799999)

/* A key is good for its algorithm alone. */
struct verification_key {
    jwt_alg_t algorithm;
    unsigned char *bytes; /* owned, never NULL: libjwt would accept every token */
    size_t length;
};

struct token_verifier {
    struct verification_key keys[KEYS_MAX];
    size_t key_count;
    bool requires_expiry;
    struct config_list salon_roles;
    struct config_list client_roles;
};

/* ---- making a verifier ---- */

static bool add_key(struct token_verifier *verifier, jwt_alg_t algorithm, const char *bytes,
                    size_t length, struct error *error)
{
    struct verification_key *key = &verifier->keys[verifier->key_count];

    key->bytes = malloc(length + 1);
    if (key->bytes == NULL)
        return error_set(error, ERROR_UNAVAILABLE, "out of memory");
    memcpy(key->bytes, bytes, length);
    key->bytes[length] = '\0';
    key->length = length;
    key->algorithm = algorithm;
    verifier->key_count++;
    return true;
}

/* Appends the file's content, up to one byte more than PUBLIC_KEY_MAX_BYTES. */
static bool read_file(const char *path, struct buffer *content)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = descriptor >= 0 ? 1 : -1;

    while (got > 0 && content->length <= PUBLIC_KEY_MAX_BYTES) {
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

static bool add_public_key(struct token_verifier *verifier, const struct config *config,
                           struct error *error)
{
    const char *path = config->auth_jwt_public_key_file;
    bool is_rsa = strcmp(config->auth_jwt_public_key_algorithm, "RS256") == 0;
    struct buffer content = BUFFER_EMPTY;
    bool is_added = false;

    if (!read_file(path, &content)) {
        error_set(error, ERROR_INVALID, "%s: cannot be read: %s", path, strerror(errno));
    } else if (buffer_text(&content) == NULL) {
        error_set(error, ERROR_UNAVAILABLE, "out of memory");
    } else if (content.length > PUBLIC_KEY_MAX_BYTES ||
               strstr(content.data, "-----BEGIN ") == NULL) {
        error_set(error, ERROR_INVALID, "%s: is no public key in PEM form", path);
    } else if (strstr(content.data, "PRIVATE KEY-----") != NULL) {
        error_set(error, ERROR_INVALID, "%s: holds a private key; only the public key belongs here",
                  path);
    } else {
        is_added = add_key(verifier, is_rsa ? JWT_ALG_RS256 : JWT_ALG_ES256, content.data,
                           content.length, error);
    }
    buffer_free(&content);
    return is_added;
}

struct token_verifier *token_verifier_create(const struct config *config, struct error *error)
{
    struct token_verifier *verifier = calloc(1, sizeof(*verifier));
    size_t secret_length = strlen(config->auth_jwt_secret);

    if (verifier == NULL) {
        error_set(error, ERROR_UNAVAILABLE, "out of memory");
        return NULL;
    }
    verifier->requires_expiry = config->auth_require_expiry;
    config_list_copy(&verifier->salon_roles, &config->auth_salon_roles);
    config_list_copy(&verifier->client_roles, &config->auth_client_roles);
    if ((secret_length == 0 ||
         add_key(verifier, JWT_ALG_HS256, config->auth_jwt_secret, secret_length, error)) &&
        (config->auth_jwt_public_key_file[0] == '\0' || add_public_key(verifier, config, error)))
        return verifier;
    token_verifier_free(verifier);
    return NULL;
}

void token_verifier_free(struct token_verifier *verifier)
{
    if (verifier == NULL)
        return;
    for (size_t i = 0; i < verifier->key_count; i++) {
        explicit_bzero(verifier->keys[i].bytes, verifier->keys[i].length);
        free(verifier->keys[i].bytes);
    }
    free(verifier);
}

/* ---- verifying ---- */

static enum caller_kind role_kind(const struct config_list *salon_roles,
                                  const struct config_list *client_roles, const char *role)
{
    if (strcmp(role, ROLE_SERVICE) == 0)
        return CALLER_SERVICE;
    if (config_list_contains(salon_roles, role))
        return CALLER_SALON;
    return config_list_contains(client_roles, role) ? CALLER_CLIENT : CALLER_OTHER;
}

enum caller_kind token_role_kind(const struct config *config, const char *role)
{
    return role_kind(&config->auth_salon_roles, &config->auth_client_roles, role);
}

/* Three runs of base64url with dots between (RFC 7515 section 7.1). */
static bool has_token_shape(const char *text, size_t length)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    if (length > TOKEN_MAX_BYTES || memchr(text, '\0', length) != NULL)
        return false;
    for (int part = 0; part < 3; part++) {
        size_t run = 0;
        while (run < length && strchr(alphabet, text[run]) != NULL)
            run++;
        if (run == 0)
            return false;
        text += run;
        length -= run;
        if (part < 2) {
            if (length == 0 || *text != '.')
                return false;
            text++;
            length--;
        }
    }
    return length == 0;
}

/* Each claim and header is asked for by name: dumping them all and parsing that costs four times
 * as much. libjwt tells an absent one by ENOENT. */
static bool is_absent(const char *value, int get_errno)
{
    return value == NULL && get_errno == ENOENT;
}

/* RFC 7515 section 4.1.11: extensions that we do not know and that are marked critical. */
static bool has_critical_header(jwt_t *jwt)
{
    errno = 0;
    const char *critical = jwt_get_header(jwt, "crit");
    return !is_absent(critical, errno);
}

/* NULL with EINVAL or ENOMEM when the signature is by no key of ours. */
static jwt_t *decode(const struct token_verifier *verifier, const char *text, int *reason)
{
    *reason = EINVAL;
    for (size_t i = 0; i < verifier->key_count; i++) {
        const struct verification_key *key = &verifier->keys[i];
        jwt_t *jwt = NULL;
        int result = jwt_decode(&jwt, text, key->bytes, (int)key->length);
        if (result == 0 && jwt_get_alg(jwt) == key->algorithm && !has_critical_header(jwt))
            return jwt;
        if (result == 0)
            jwt_free(jwt);
        if (result == ENOMEM)
            *reason = ENOMEM;
    }
    return NULL;
}

enum claim_result { CLAIM_SET, CLAIM_ABSENT, CLAIM_WRONG, CLAIM_NO_MEMORY };

/* null counts as absent. */
static enum claim_result read_text(jwt_t *jwt, const char *name, char *out, size_t size)
{
    out[0] = '\0';
    errno = 0;
    const char *text = jwt_get_grant(jwt, name);
    if (is_absent(text, errno))
        return CLAIM_ABSENT;
    if (text == NULL) {
        char *json = jwt_get_grants_json(jwt, name);
        bool is_null = json != NULL && strcmp(json, "null") == 0;
        bool is_lost = json == NULL;
        free(json);
        if (is_lost)
            return CLAIM_NO_MEMORY;
        return is_null ? CLAIM_ABSENT : CLAIM_WRONG;
    }
    size_t length = strlen(text);
    if (length >= size || !utf8_is_valid(text, length))
        return CLAIM_WRONG;
    memcpy(out, text, length + 1);
    return CLAIM_SET;
}

/* A NumericDate, which may have a fraction. As JSON, since libjwt's integers are a long and its
 * answer for another type is 0. */
static enum claim_result read_time(jwt_t *jwt, const char *name, int64_t *wall_ms)
{
    *wall_ms = 0;
    errno = 0;
    const char *text = jwt_get_grant(jwt, name);
    if (is_absent(text, errno))
        return CLAIM_ABSENT;
    char *json = text == NULL ? jwt_get_grants_json(jwt, name) : NULL;
    if (json == NULL)
        return text != NULL ? CLAIM_WRONG : CLAIM_NO_MEMORY;
    bool is_null = strcmp(json, "null") == 0;
    bool is_number = *json == '-' || (*json >= '0' && *json <= '9');
    double ms = is_number ? strtod(json, NULL) * 1000 : 0;
    free(json);
    if (!is_number)
        return is_null ? CLAIM_ABSENT : CLAIM_WRONG;
    if (ms > 0)
        *wall_ms = ms < (double)CLAIM_TIME_MAX_MS ? (int64_t)ms : CLAIM_TIME_MAX_MS;
    return CLAIM_SET;
}

/* Whether a claim that may be absent is as it must be. */
static bool is_acceptable(enum claim_result result, bool *out_of_memory)
{
    if (result == CLAIM_NO_MEMORY)
        *out_of_memory = true;
    return result == CLAIM_SET || result == CLAIM_ABSENT;
}

static bool read_times(const struct token_verifier *verifier, jwt_t *jwt, int64_t now_ms,
                       struct token_claims *claims, bool *out_of_memory)
{
    int64_t not_before_ms;
    enum claim_result expiry = read_time(jwt, "exp", &claims->expires_at_ms);

    if (!is_acceptable(expiry, out_of_memory) ||
        !is_acceptable(read_time(jwt, "nbf", &not_before_ms), out_of_memory) ||
        !is_acceptable(read_time(jwt, "iat", &claims->issued_at_ms), out_of_memory))
        return false;
    if (expiry == CLAIM_ABSENT && verifier->requires_expiry)
        return false;
    if (expiry == CLAIM_SET && now_ms >= claims->expires_at_ms)
        return false;
    return now_ms >= not_before_ms;
}

/* A claim of the wrong type counts as absent. */
static bool read_optional(jwt_t *jwt, const char *name, char out[TOKEN_CLAIM_BYTES],
                          bool *out_of_memory)
{
    if (read_text(jwt, name, out, TOKEN_CLAIM_BYTES) == CLAIM_NO_MEMORY)
        *out_of_memory = true;
    return !*out_of_memory;
}

static bool read_claims(const struct token_verifier *verifier, jwt_t *jwt, int64_t now_ms,
                        struct token_claims *claims, bool *out_of_memory)
{
    enum claim_result user = read_text(jwt, "userId", claims->user_id, sizeof(claims->user_id));

    if (!is_acceptable(user, out_of_memory) || !foreign_id_is_valid(claims->user_id) ||
        !is_acceptable(read_text(jwt, "role", claims->role, sizeof(claims->role)), out_of_memory) ||
        !read_times(verifier, jwt, now_ms, claims, out_of_memory))
        return false;
    claims->kind = role_kind(&verifier->salon_roles, &verifier->client_roles, claims->role);
    return read_optional(jwt, "email", claims->email, out_of_memory) &&
           read_optional(jwt, "firstName", claims->first_name, out_of_memory) &&
           read_optional(jwt, "lastName", claims->last_name, out_of_memory) &&
           read_optional(jwt, "salonName", claims->salon_name, out_of_memory) &&
           read_optional(jwt, "image", claims->image, out_of_memory);
}

bool token_verify(const struct token_verifier *verifier, const char *text, size_t length,
                  int64_t now_ms, struct token_claims *claims, struct error *error)
{
    char token[TOKEN_MAX_BYTES + 1];
    int reason = EINVAL;
    jwt_t *jwt = NULL;

    if (has_token_shape(text, length)) {
        memcpy(token, text, length);
        token[length] = '\0';
        jwt = decode(verifier, token, &reason);
    }
    bool out_of_memory = jwt == NULL && reason == ENOMEM;
    bool is_valid = jwt != NULL && read_claims(verifier, jwt, now_ms, claims, &out_of_memory);
    jwt_free(jwt);
    if (out_of_memory)
        return error_out_of_memory(error);
    return is_valid || error_set(error, ERROR_UNAUTHORIZED, "Unauthorized");
}

/* ---- signing ---- */

static void write_claims(struct buffer *out, const char *user_id, const char *role, int64_t now_ms,
                         int64_t ttl_s)
{
    struct json_writer writer;

    json_writer_init(&writer, out);
    json_begin_object(&writer);
    json_member_text(&writer, "userId", user_id);
    json_member_text(&writer, "role", role != NULL && role[0] != '\0' ? role : NULL);
    json_member_integer(&writer, "iat", now_ms / 1000);
    json_member_integer(&writer, "exp", now_ms / 1000 + ttl_s);
    json_end_object(&writer);
}

static char *sign(const char *claims, const char *secret)
{
    jwt_t *jwt = NULL;
    char *text = NULL;

    if (jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, claims) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)secret, (int)strlen(secret)) == 0)
        text = jwt_encode_str(jwt);
    jwt_free(jwt);
    return text;
}

char *token_sign(const struct config *config, const char *user_id, const char *role, int64_t now_ms,
                 int64_t ttl_s, struct error *error)
{
    struct buffer claims = BUFFER_EMPTY;

    if (config->auth_jwt_secret[0] == '\0') {
        error_set(error, ERROR_INVALID,
                  "no secret to sign with: set JWT_SECRET, or jwt_secret in "
                  "[auth]");
        return NULL;
    }
    if (!foreign_id_is_valid(user_id)) {
        error_set(error, ERROR_INVALID,
                  "the user's id must have 1 to %d bytes of UTF-8 without control characters",
                  FOREIGN_ID_MAX_BYTES);
        return NULL;
    }
    if (role != NULL && (strlen(role) >= TOKEN_ROLE_BYTES || !utf8_is_valid(role, strlen(role)))) {
        error_set(error, ERROR_INVALID, "the role must have at most %d bytes of UTF-8",
                  TOKEN_ROLE_BYTES - 1);
        return NULL;
    }
    write_claims(&claims, user_id, role, now_ms, ttl_s);
    const char *json = buffer_text(&claims);
    char *text = json != NULL ? sign(json, config->auth_jwt_secret) : NULL;
    buffer_free(&claims);
    if (text == NULL)
        error_set(error, ERROR_UNAVAILABLE, "out of memory");
    return text;
}
