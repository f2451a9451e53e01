#include "common/token_jwk.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "common/base64url.h"
#include "common/json_reader.h"

/* A number of a key, in bytes: the modulus of the largest RSA key that OpenSSL takes. */
#define NUMBER_MAX_BYTES 2048
/* A coordinate on P-256, in bytes. */
#define COORDINATE_BYTES 32
/* What a point begins with that has both its coordinates (SEC 1 section 2.3.3). */
#define UNCOMPRESSED 4

const char *const token_jwk_members[] = {"keys", "kty", "crv", "alg", "use", "kid", "k",
                                         "n",    "e",   "x",   "y",   "d",   NULL};

/* Bytes in base64url. */
struct number {
    unsigned char bytes[BASE64URL_ROOM(NUMBER_MAX_BYTES / 3 * 4)];
    size_t length;
};

/* False when the member is missing or is no such number. */
static bool read_number(struct json_object *jwk, const char *name, struct number *number)
{
    const char *text = json_text(json_get(jwk, name));

    return text != NULL && BASE64URL_ROOM(strlen(text)) <= sizeof(number->bytes) &&
           base64url_decode(text, strlen(text), number->bytes, &number->length) &&
           number->length > 0;
}

/* ---- keys of OpenSSL ---- */

/* NULL when it is no key, or without memory. */
static EVP_PKEY *make_public_key(const char *type, OSSL_PARAM *parameters)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *public_key = NULL;

    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &public_key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        public_key = NULL;
    EVP_PKEY_CTX_free(context);
    return public_key;
}

static EVP_PKEY *make_rsa(const struct number *modulus, const struct number *exponent)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(modulus->bytes, (int)modulus->length, NULL);
    BIGNUM *e = BN_bin2bn(exponent->bytes, (int)exponent->length, NULL);
    OSSL_PARAM *parameters = NULL;

    if (builder != NULL && n != NULL && e != NULL &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY *public_key = parameters != NULL ? make_public_key("RSA", parameters) : NULL;
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return public_key;
}

/* Both coordinates have COORDINATE_BYTES. */
static EVP_PKEY *make_p256(const struct number *x, const struct number *y)
{
    unsigned char point[1 + 2 * COORDINATE_BYTES] = {UNCOMPRESSED};
    char group[] = "prime256v1";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };

    memcpy(point + 1, x->bytes, COORDINATE_BYTES);
    memcpy(point + 1 + COORDINATE_BYTES, y->bytes, COORDINATE_BYTES);
    return make_public_key("EC", parameters);
}

/* ---- the three kinds ---- */

static enum token_jwk_result result_of(enum token_key_result result)
{
    switch (result) {
    case TOKEN_KEY_GOOD:
        return TOKEN_JWK_GOOD;
    case TOKEN_KEY_NO_MEMORY:
        return TOKEN_JWK_NO_MEMORY;
    case TOKEN_KEY_BAD:
        break;
    }
    return TOKEN_JWK_BAD;
}

static enum token_jwk_result take_public(struct token_key *key, enum token_algorithm algorithm,
                                         EVP_PKEY *public_key, const char **reason)
{
    if (public_key != NULL)
        return result_of(token_key_set_public(key, algorithm, public_key, reason));
    ERR_clear_error();
    *reason = "is no public key";
    return TOKEN_JWK_BAD;
}

static enum token_jwk_result read_secret(struct json_object *jwk, struct token_key *key,
                                         const char **reason)
{
    struct number secret;

    *reason = "needs k, the secret in base64url";
    if (!read_number(jwk, "k", &secret))
        return TOKEN_JWK_BAD;
    token_key_set_secret(key, secret.bytes, secret.length);
    explicit_bzero(&secret, sizeof(secret));
    return TOKEN_JWK_GOOD;
}

static enum token_jwk_result read_rsa(struct json_object *jwk, struct token_key *key,
                                      const char **reason)
{
    struct number modulus;
    struct number exponent;

    *reason = "needs n and e, its numbers in base64url";
    if (!read_number(jwk, "n", &modulus) || !read_number(jwk, "e", &exponent))
        return TOKEN_JWK_BAD;
    return take_public(key, TOKEN_RS256, make_rsa(&modulus, &exponent), reason);
}

static enum token_jwk_result read_p256(struct json_object *jwk, struct token_key *key,
                                       const char **reason)
{
    struct number x;
    struct number y;

    *reason = "needs x and y, its coordinates of 32 bytes in base64url";
    if (!read_number(jwk, "x", &x) || !read_number(jwk, "y", &y) || x.length != COORDINATE_BYTES ||
        y.length != COORDINATE_BYTES)
        return TOKEN_JWK_BAD;
    return take_public(key, TOKEN_ES256, make_p256(&x, &y), reason);
}

/* ---- any ---- */

static const struct {
    const char *type;
    const char *curve; /* or NULL */
    const char *algorithm;
    enum token_jwk_result (*read)(struct json_object *jwk, struct token_key *key,
                                  const char **reason);
} kinds[] = {
    {"oct", NULL, "HS256", read_secret},
    {"RSA", NULL, "RS256", read_rsa},
    {"EC", "P-256", "ES256", read_p256},
};

static bool is(struct json_object *jwk, const char *name, const char *value)
{
    const char *text = json_text(json_get(jwk, name));

    return text != NULL && strcmp(text, value) == 0;
}

static bool may_be(struct json_object *jwk, const char *name, const char *value)
{
    return json_get(jwk, name) == NULL || is(jwk, name, value);
}

/* False with *reason. */
static bool read_name(struct json_object *jwk, struct token_key *key, const char **reason)
{
    struct json_object *member = json_get(jwk, "kid");
    const char *name = json_text(member);

    *reason = "has a kid that is no text of at most 128 bytes";
    if (member != NULL && (name == NULL || strlen(name) >= sizeof(key->name)))
        return false;
    strcpy(key->name, name != NULL ? name : "");
    return true;
}

enum token_jwk_result token_jwk_read(struct json_object *jwk, struct token_key *key,
                                     const char **reason)
{
    const char *type = json_text(json_get(jwk, "kty"));

    for (size_t i = 0; type != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(type, kinds[i].type) != 0)
            continue;
        if ((kinds[i].curve != NULL && !is(jwk, "crv", kinds[i].curve)) ||
            !may_be(jwk, "alg", kinds[i].algorithm) || !may_be(jwk, "use", "sig"))
            return TOKEN_JWK_OTHER;
        *reason = "is a private key; only the public one belongs here";
        if (json_get(jwk, "d") != NULL || !read_name(jwk, key, reason))
            return TOKEN_JWK_BAD;
        return kinds[i].read(jwk, key, reason);
    }
    *reason = "needs kty, its kind";
    return type != NULL ? TOKEN_JWK_OTHER : TOKEN_JWK_BAD;
}
