/*
 * Tokens: a text as it comes, and a header and a payload (a line feed between them) that are signed
 * rightly. What is accepted has claims that keep the rules; what is refused has a reason.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base64url.h"
#include "common/buffer.h"
#include "common/id.h"
#include "common/token.h"
#include "common/token_key.h"
#include "common/utf8.h"
#include "tests/fuzz/fuzz.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW_MS INT64_C(1795504066683)

/* Made once, for all inputs. */
static struct token_verifier *verifier;
static struct token_key key;

static void make_verifier(void)
{
    struct config *config = calloc(1, sizeof(*config));
    struct error error;

    FUZZ_CHECK(config != NULL);
    strcpy(config->auth_jwt_secret, SECRET);
    config->auth_require_expiry = true;
    verifier = token_verifier_create(config, &error);
    FUZZ_CHECK(verifier != NULL);
    token_key_set_secret(&key, SECRET, strlen(SECRET));
    free(config);
}

static void check_text(const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    FUZZ_CHECK(length < size && utf8_is_valid(text, length));
}

static void check_claims(const struct token_claims *claims)
{
    FUZZ_CHECK(foreign_id_is_valid(claims->user_id));
    check_text(claims->role, sizeof(claims->role));
    check_text(claims->email, sizeof(claims->email));
    check_text(claims->first_name, sizeof(claims->first_name));
    check_text(claims->last_name, sizeof(claims->last_name));
    check_text(claims->salon_name, sizeof(claims->salon_name));
    check_text(claims->image, sizeof(claims->image));
    FUZZ_CHECK(claims->expires_at_ms > NOW_MS);
    FUZZ_CHECK(claims->issued_at_ms >= 0);
    FUZZ_CHECK(token_verifier_has_key(verifier, &claims->key));
}

static bool verify(const char *text, size_t length)
{
    struct token_claims claims;
    struct error error;

    error_clear(&error);
    bool is_accepted = token_verify(verifier, text, length, NOW_MS, &claims, &error);
    if (is_accepted)
        check_claims(&claims);
    else
        FUZZ_CHECK(error.kind == ERROR_UNAUTHORIZED && error.reason != NULL);
    return is_accepted;
}

static void verify_signed(const char *text, size_t length)
{
    const char *end = memchr(text, '\n', length);
    struct buffer token = BUFFER_EMPTY;
    unsigned char signature[TOKEN_HMAC_BYTES];

    if (end == NULL)
        return;
    base64url_append(&token, text, (size_t)(end - text));
    buffer_append(&token, ".", 1);
    base64url_append(&token, end + 1, length - (size_t)(end + 1 - text));
    FUZZ_CHECK(!token.failed);
    token_key_sign(&key, token.data, token.length, signature);
    buffer_append(&token, ".", 1);
    base64url_append(&token, signature, sizeof(signature));
    FUZZ_CHECK(buffer_text(&token) != NULL);
    if (verify(token.data, token.length)) {
        token.data[token.length - 2] = token.data[token.length - 2] == 'A' ? 'B' : 'A';
        FUZZ_CHECK(!verify(token.data, token.length));
    }
    buffer_free(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (verifier == NULL)
        make_verifier();
    verify((const char *)data, size);
    verify_signed((const char *)data, size);
    return 0;
}
