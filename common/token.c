#include "common/token.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base64url.h"
#include "common/buffer.h"
#include "common/json_reader.h"
#include "common/json_writer.h"
#include "common/token_keys.h"
#include "common/utf8.h"

#define ROLE_SERVICE "service"

/* Times of a claim are clamped to 1970 and 9999, so that nobody's arithmetic overflows. */
#define CLAIM_TIME_MAX_MS INT64_C(253402300799999)

/* What is told of a refusal: the word goes out as `reason`, the sentence as error_description (RFC
 * 6750 section 3: ASCII without quotes). */
static const struct {
    const char *reason;
    const char *description;
} refusal_words[TOKEN_NO_MEMORY] = {
    [TOKEN_MISSING] = {"missing", ""}, /* nothing is wrong with it */
    [TOKEN_MALFORMED] = {"malformed", "the token is no signed JSON Web Token"},
    [TOKEN_CRITICAL] = {"critical", "the token has a critical header, and none is known"},
    [TOKEN_ALGORITHM] = {"algorithm", "the token has an algorithm that is not configured"},
    [TOKEN_UNKNOWN_KEY] = {"key", "the token names a key (kid) that is not configured"},
    [TOKEN_SIGNATURE] = {"signature", "the signature of the token is by no key that is configured"},
    [TOKEN_USER_ID] = {"userId", "the claim userId is missing or no text of 1 to 64 bytes"},
    [TOKEN_CLAIM] = {"claim", "a claim of the token has the wrong type or is too long"},
    [TOKEN_NO_EXPIRY] = {"exp", "the claim exp is missing"},
    [TOKEN_EXPIRED] = {"expired", "the token has expired"},
    [TOKEN_NOT_YET_VALID] = {"not_yet_valid", "the token is not valid yet"},
    [TOKEN_SERVICE] = {"service", "the role service has no socket"},
};

struct token_verifier {
    struct token_keys keys;
    bool requires_expiry;
    int64_t leeway_ms;
    struct config_list salon_roles;
    struct config_list client_roles;
};

/* ---- making a verifier ---- */

struct token_verifier *token_verifier_create(const struct config *config, struct error *error)
{
    struct token_verifier *verifier = calloc(1, sizeof(*verifier));

    if (verifier == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    verifier->requires_expiry = config->auth_require_expiry;
    verifier->leeway_ms = config->auth_clock_leeway_s * 1000;
    config_list_copy(&verifier->salon_roles, &config->auth_salon_roles);
    config_list_copy(&verifier->client_roles, &config->auth_client_roles);
    if (token_keys_load(&verifier->keys, config, error))
        return verifier;
    token_verifier_free(verifier);
    return NULL;
}

void token_verifier_free(struct token_verifier *verifier)
{
    if (verifier == NULL)
        return;
    token_keys_clear(&verifier->keys);
    free(verifier);
}

bool token_verifier_has_key(const struct token_verifier *verifier,
                            const struct token_fingerprint *key)
{
    return token_keys_contain(&verifier->keys, key);
}

/* ---- refusing ---- */

bool token_refuse(enum token_verdict verdict, struct error *error)
{
    if (verdict == TOKEN_NO_MEMORY)
        return error_out_of_memory(error);
    return error_unauthorized(error, refusal_words[verdict].reason,
                              refusal_words[verdict].description);
}

/* No token at all is no refused one: it says nothing about keys or claims. */
void token_log_refusal(struct token_refusal_log *refusals, const struct log *log,
                       const struct error *error, const char *request)
{
    struct log_field id = {0};

    if (request != NULL)
        id = LOG_TEXT("request", request);
    for (size_t i = TOKEN_MISSING + 1; i < TOKEN_NO_MEMORY && error->reason != NULL; i++)
        if (strcmp(error->reason, refusal_words[i].reason) == 0)
            log_limited(log, &refusals->limits[i], LOG_LEVEL_WARNING, "token refused", id,
                        LOG_TEXT("reason", error->reason), LOG_TEXT("description", error->detail));
}

/* ---- roles ---- */

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

/* ---- the form ---- */

/* A token taken apart (RFC 7515 section 7.1): what is signed is header, dot and payload. */
struct parts {
    const char *text;
    size_t header_length;
    const char *payload;
    size_t payload_length;
    const char *signature;
    size_t signature_length;
};

static bool take_apart(const char *text, size_t length, struct parts *parts)
{
    const char *first = length <= TOKEN_MAX_BYTES ? memchr(text, '.', length) : NULL;
    const char *second =
        first != NULL ? memchr(first + 1, '.', length - (size_t)(first + 1 - text)) : NULL;

    if (second == NULL)
        return false;
    *parts = (struct parts){
        .text = text,
        .header_length = (size_t)(first - text),
        .payload = first + 1,
        .payload_length = (size_t)(second - first - 1),
        .signature = second + 1,
        .signature_length = length - (size_t)(second + 1 - text),
    };
    return parts->header_length > 0 && parts->payload_length > 0 && parts->signature_length > 0;
}

/* What is looked at in a header and in a payload. */
static const char *const members[] = {"alg",   "typ",       "crit",     "kid",       "userId",
                                      "role",  "exp",       "nbf",      "iat",       "email",
                                      "image", "firstName", "lastName", "salonName", NULL};

/* An object in base64url. */
static enum token_verdict read_object(const char *text, size_t length, struct json_object **object)
{
    unsigned char bytes[BASE64URL_ROOM(TOKEN_MAX_BYTES)];
    size_t bytes_length;
    struct error error;

    *object = NULL;
    if (!base64url_decode(text, length, bytes, &bytes_length))
        return TOKEN_MALFORMED;
    error_clear(&error);
    *object = json_read_members((const char *)bytes, bytes_length, members, &error);
    if (*object == NULL)
        return error.kind == ERROR_UNAVAILABLE ? TOKEN_NO_MEMORY : TOKEN_MALFORMED;
    return json_object_is_type(*object, json_type_object) ? TOKEN_ACCEPTED : TOKEN_MALFORMED;
}

/* ---- the signature ---- */

/* What the header says of the key. */
struct signer {
    enum token_algorithm algorithm;
    const char *name; /* NULL when it names none; borrowed */
};

/* A type is either left out or says JWT (RFC 7519 section 5.1). We know no critical extension (RFC
 * 7515 section 4.1.11). */
static enum token_verdict read_header(struct json_object *header, struct signer *signer)
{
    const char *type = json_text(json_get(header, "typ"));
    const char *algorithm = json_text(json_get(header, "alg"));

    signer->name = json_text(json_get(header, "kid"));
    if (json_object_object_get_ex(header, "crit", NULL))
        return TOKEN_CRITICAL;
    if (type != NULL && strcasecmp(type, "JWT") != 0)
        return TOKEN_MALFORMED;
    return algorithm != NULL && token_algorithm_parse(algorithm, &signer->algorithm)
               ? TOKEN_ACCEPTED
               : TOKEN_ALGORITHM;
}

/* A key without a name may be meant by any. */
static bool is_named(const struct token_key *key, const struct signer *signer)
{
    return signer->name == NULL || key->name[0] == '\0' || strcmp(key->name, signer->name) == 0;
}

static enum token_verdict try_key(const struct token_key *key, const struct parts *parts,
                                  const struct signer *signer, const unsigned char *signature,
                                  size_t signature_length)
{
    size_t signed_length = parts->header_length + 1 + parts->payload_length;

    if (key->algorithm != signer->algorithm)
        return TOKEN_ALGORITHM;
    if (!is_named(key, signer))
        return TOKEN_UNKNOWN_KEY;
    switch (token_key_verify(key, parts->text, signed_length, signature, signature_length)) {
    case TOKEN_KEY_GOOD:
        return TOKEN_ACCEPTED;
    case TOKEN_KEY_NO_MEMORY:
        return TOKEN_NO_MEMORY;
    case TOKEN_KEY_BAD:
        break;
    }
    return TOKEN_SIGNATURE;
}

/* Whether it is the signature of a key of ours that can be meant, and which; else how near one
 * was. */
static enum token_verdict find_key(const struct token_verifier *verifier, const struct parts *parts,
                                   const struct signer *signer, struct token_fingerprint *found)
{
    unsigned char signature[BASE64URL_ROOM(TOKEN_MAX_BYTES)];
    size_t signature_length;
    enum token_verdict nearest = TOKEN_ALGORITHM;

    if (!base64url_decode(parts->signature, parts->signature_length, signature, &signature_length))
        return TOKEN_MALFORMED;
    for (size_t i = 0; i < verifier->keys.count; i++) {
        const struct token_key *key = &verifier->keys.keys[i];
        enum token_verdict verdict = try_key(key, parts, signer, signature, signature_length);
        if (verdict == TOKEN_ACCEPTED) {
            *found = key->fingerprint;
            return TOKEN_ACCEPTED;
        }
        if (verdict > nearest) /* no memory is the last of them: another key may be tried again */
            nearest = verdict;
    }
    return nearest;
}

static enum token_verdict check_signature(const struct token_verifier *verifier,
                                          const struct parts *parts, struct token_fingerprint *key)
{
    struct json_object *header;
    struct signer signer;
    enum token_verdict verdict = read_object(parts->text, parts->header_length, &header);

    if (verdict == TOKEN_ACCEPTED)
        verdict = read_header(header, &signer);
    if (verdict == TOKEN_ACCEPTED)
        verdict = find_key(verifier, parts, &signer, key);
    json_object_put(header);
    return verdict;
}

/* ---- the claims ---- */

enum claim_result { CLAIM_SET, CLAIM_ABSENT, CLAIM_WRONG };

/* null counts as absent. */
static enum claim_result read_text(struct json_object *payload, const char *name, char *out,
                                   size_t size)
{
    struct json_object *claim = json_get(payload, name);
    const char *text = json_text(claim);

    out[0] = '\0';
    if (claim == NULL)
        return CLAIM_ABSENT;
    if (text == NULL || strlen(text) >= size)
        return CLAIM_WRONG;
    strcpy(out, text);
    return CLAIM_SET;
}

/* A NumericDate, which may have a fraction. */
static enum claim_result read_time(struct json_object *payload, const char *name, int64_t *wall_ms)
{
    struct json_object *claim = json_get(payload, name);

    *wall_ms = 0;
    if (claim == NULL)
        return CLAIM_ABSENT;
    if (!json_object_is_type(claim, json_type_int) && !json_object_is_type(claim, json_type_double))
        return CLAIM_WRONG;
    double ms = json_object_get_double(claim) * 1000;
    if (ms > 0)
        *wall_ms = ms < (double)CLAIM_TIME_MAX_MS ? (int64_t)ms : CLAIM_TIME_MAX_MS;
    return CLAIM_SET;
}

static enum token_verdict read_times(const struct token_verifier *verifier,
                                     struct json_object *payload, int64_t now_ms,
                                     struct token_claims *claims)
{
    int64_t not_before_ms;
    enum claim_result expiry = read_time(payload, "exp", &claims->expires_at_ms);

    if (expiry == CLAIM_WRONG || read_time(payload, "nbf", &not_before_ms) == CLAIM_WRONG ||
        read_time(payload, "iat", &claims->issued_at_ms) == CLAIM_WRONG)
        return TOKEN_CLAIM;
    if (expiry == CLAIM_ABSENT && verifier->requires_expiry)
        return TOKEN_NO_EXPIRY;
    if (expiry == CLAIM_SET && now_ms >= claims->expires_at_ms)
        return TOKEN_EXPIRED;
    /* An iat in the future refuses nothing, whatever the clocks: what counts is nbf. */
    return now_ms + verifier->leeway_ms >= not_before_ms ? TOKEN_ACCEPTED : TOKEN_NOT_YET_VALID;
}

/* A claim of the wrong type counts as absent. */
static void read_optional(struct json_object *payload, const char *name,
                          char out[TOKEN_CLAIM_BYTES])
{
    read_text(payload, name, out, TOKEN_CLAIM_BYTES);
}

static enum token_verdict read_claims(const struct token_verifier *verifier,
                                      struct json_object *payload, int64_t now_ms,
                                      struct token_claims *claims)
{
    read_text(payload, "userId", claims->user_id, sizeof(claims->user_id));
    if (!foreign_id_is_valid(claims->user_id))
        return TOKEN_USER_ID;
    if (read_text(payload, "role", claims->role, sizeof(claims->role)) == CLAIM_WRONG)
        return TOKEN_CLAIM;
    claims->kind = role_kind(&verifier->salon_roles, &verifier->client_roles, claims->role);
    read_optional(payload, "email", claims->email);
    read_optional(payload, "firstName", claims->first_name);
    read_optional(payload, "lastName", claims->last_name);
    read_optional(payload, "salonName", claims->salon_name);
    read_optional(payload, "image", claims->image);
    return read_times(verifier, payload, now_ms, claims);
}

/* ---- verifying ---- */

/* The payload is not looked at before the signature was found good. */
static enum token_verdict verify(const struct token_verifier *verifier, const struct parts *parts,
                                 int64_t now_ms, struct token_claims *claims)
{
    struct json_object *payload = NULL;
    enum token_verdict verdict = check_signature(verifier, parts, &claims->key);

    if (verdict == TOKEN_ACCEPTED)
        verdict = read_object(parts->payload, parts->payload_length, &payload);
    if (verdict == TOKEN_ACCEPTED)
        verdict = read_claims(verifier, payload, now_ms, claims);
    json_object_put(payload);
    return verdict;
}

bool token_verify(const struct token_verifier *verifier, const char *text, size_t length,
                  int64_t now_ms, struct token_claims *claims, struct error *error)
{
    struct parts parts;
    enum token_verdict verdict = TOKEN_MALFORMED;

    if (take_apart(text, length, &parts))
        verdict = verify(verifier, &parts, now_ms, claims);
    return verdict == TOKEN_ACCEPTED || token_refuse(verdict, error);
}

/* ---- signing ---- */

static void write_header(struct buffer *out, const struct token_key *key)
{
    struct json_writer writer;

    json_writer_init(&writer, out);
    json_begin_object(&writer);
    json_member_text(&writer, "alg", token_algorithm_name(key->algorithm));
    json_member_text(&writer, "typ", "JWT");
    json_member_text(&writer, "kid", key->name[0] != '\0' ? key->name : NULL);
    json_end_object(&writer);
}

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

/* Encodes `part` behind what is in `token`, and empties it. */
static void append_part(struct buffer *token, struct buffer *part)
{
    if (part->failed)
        token->failed = true;
    else
        base64url_append(token, part->data, part->length);
    buffer_clear(part);
}

/* NULL without memory. */
static char *sign(const struct token_key *key, const char *user_id, const char *role,
                  int64_t now_ms, int64_t ttl_s)
{
    struct buffer token = BUFFER_EMPTY;
    struct buffer part = BUFFER_EMPTY;
    unsigned char signature[TOKEN_HMAC_BYTES];

    write_header(&part, key);
    append_part(&token, &part);
    buffer_append(&token, ".", 1);
    write_claims(&part, user_id, role, now_ms, ttl_s);
    append_part(&token, &part);
    buffer_free(&part);
    if (!token.failed) {
        token_key_sign(key, token.data, token.length, signature);
        buffer_append(&token, ".", 1);
        base64url_append(&token, signature, sizeof(signature));
    }
    if (buffer_text(&token) == NULL)
        buffer_free(&token);
    return token.data;
}

static bool check_signed(const char *user_id, const char *role, struct error *error)
{
    if (!foreign_id_is_valid(user_id))
        return error_set(error, ERROR_INVALID,
                         "the user's id must have 1 to %d bytes of UTF-8 without control "
                         "characters",
                         FOREIGN_ID_MAX_BYTES);
    if (role != NULL && (strlen(role) >= TOKEN_ROLE_BYTES || !utf8_is_valid(role, strlen(role))))
        return error_set(error, ERROR_INVALID, "the role must have at most %d bytes of UTF-8",
                         TOKEN_ROLE_BYTES - 1);
    return true;
}

char *token_sign(const struct config *config, const char *user_id, const char *role, int64_t now_ms,
                 int64_t ttl_s, struct error *error)
{
    struct token_keys keys;
    char *text = NULL;

    if (!check_signed(user_id, role, error))
        return NULL;
    if (token_keys_load(&keys, config, error)) {
        if (keys.signer == NULL)
            error_set(error, ERROR_INVALID,
                      "no secret to sign with: set JWT_SECRET, or jwt_secret in [auth]");
        else if ((text = sign(keys.signer, user_id, role, now_ms, ttl_s)) == NULL)
            error_out_of_memory(error);
    }
    token_keys_clear(&keys);
    return text;
}
