/*
 * JSON Web Tokens (RFC 7519) as the booking back-end signs them: HS256 with a shared secret,
 * RS256 or ES256 with its public key; with any of several keys, so that they can be changed. Only
 * configured algorithms are accepted, each only with the key meant for it (no alg=none, no HS512,
 * no HS256 keyed with the public PEM). nbf may lie auth.clock_leeway_s in
 * the future, exp has no leeway.
 *
 * null counts as absent. A userId, role or time of the wrong type, or a critical header (RFC 7515
 * section 4.1.11), refuses the token, and so does JSON that common/json_reader.h does not take.
 *
 * A verifier is immutable; any thread.
 */
#ifndef MESSAGERIE_COMMON_TOKEN_H
#define MESSAGERIE_COMMON_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "common/id.h"
#include "common/log.h"
#include "common/token_fingerprint.h"

/* A longer token is refused. */
#define TOKEN_MAX_BYTES 8192
/* With NUL; an optional claim that is longer or of the wrong type is taken as absent, a longer role
 * refuses the token. */
#define TOKEN_CLAIM_BYTES 512
#define TOKEN_ROLE_BYTES  33

/* What kind of caller a role makes, by the configured lists. */
enum caller_kind {
    CALLER_OTHER, /* a role that we don't know: reads what it takes part in */
    CALLER_CLIENT,
    CALLER_SALON,
    CALLER_SERVICE, /* the booking back-end: no directory row, no socket */
};

struct token_claims {
    char user_id[FOREIGN_ID_MAX_BYTES + 1];
    char role[TOKEN_ROLE_BYTES]; /* empty when absent */
    enum caller_kind kind;
    int64_t issued_at_ms;         /* 0 when absent; both times are clamped to 1970 and 9999 */
    int64_t expires_at_ms;        /* 0 when absent (only where auth.require_expiry is off) */
    struct token_fingerprint key; /* that has signed it */
    /* Optional claims, empty when absent. */
    char email[TOKEN_CLAIM_BYTES];
    char first_name[TOKEN_CLAIM_BYTES];
    char last_name[TOKEN_CLAIM_BYTES];
    char salon_name[TOKEN_CLAIM_BYTES];
    char image[TOKEN_CLAIM_BYTES];
};

/* Who asks: what the operations in db/ need of a token. Borrowed from its claims. */
struct caller {
    const char *user_id;
    const char *role; /* "" when the token has none */
    enum caller_kind kind;
};

/* What is said of a token. All but the first and the last are refusals, later ones nearer to being
 * accepted. */
enum token_verdict {
    TOKEN_ACCEPTED,
    TOKEN_MISSING, /* there is none */
    TOKEN_MALFORMED,
    TOKEN_CRITICAL, /* a header that must be understood and is not */
    TOKEN_ALGORITHM,
    TOKEN_UNKNOWN_KEY, /* the header names a key that we don't have */
    TOKEN_SIGNATURE,
    TOKEN_USER_ID, /* none, or no text of 1 to 64 bytes */
    TOKEN_CLAIM,   /* one of the wrong type, or too long */
    TOKEN_NO_EXPIRY,
    TOKEN_EXPIRED,
    TOKEN_NOT_YET_VALID,
    TOKEN_SERVICE, /* good, but of a role that has no socket */
    TOKEN_NO_MEMORY,
};

/* Sets *error: for a refusal ERROR_UNAUTHORIZED ("Unauthorized") with its words. Always returns
 * false. */
bool token_refuse(enum token_verdict verdict, struct error *error);

/* One second of silence for each cause. All zero at first; any thread. */
struct token_refusal_log {
    struct log_limit limits[TOKEN_NO_MEMORY];
};

/* Tells in the log why a token was refused, if *error says that one was, each cause once a second;
 * nothing of the token. `request` is the request's id, or NULL. */
void token_log_refusal(struct token_refusal_log *refusals, const struct log *log,
                       const struct error *error, const char *request);

struct token_verifier;

/* Reads the key files that are configured. NULL with *error (English) on failure. Copies
 * what it needs of `config`. */
struct token_verifier *token_verifier_create(const struct config *config, struct error *error);
void token_verifier_free(struct token_verifier *verifier);

/* Whether it still accepts what the key has signed that signed the token of these claims. After the
 * configuration was read anew: whether the token is still one. */
bool token_verifier_has_key(const struct token_verifier *verifier,
                            const struct token_fingerprint *key);

/* Verifies the token in text[0..length). False as by token_refuse for every reason but memory
 * (ERROR_UNAVAILABLE); *claims is then undefined. */
bool token_verify(const struct token_verifier *verifier, const char *text, size_t length,
                  int64_t now_ms, struct token_claims *claims, struct error *error);

/* The kind of a role: "service", or by the configured lists. */
enum caller_kind token_role_kind(const struct config *config, const char *role);

/* Signs an HS256 token for `messagerie token`, with the newest secret: userId, role, iat and exp =
 * now + ttl. Result to be freed with free(); NULL with *error when no secret is configured, a key
 * file is bad, or without memory. */
char *token_sign(const struct config *config, const char *user_id, const char *role, int64_t now_ms,
                 int64_t ttl_s, struct error *error);

#endif
