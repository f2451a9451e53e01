#include "common/token_key.h"

#include <string.h>

#include <nettle/memops.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/assert.h"

/* A signature of ES256 is two numbers of so many bytes (RFC 7518 section 3.4); OpenSSL wants them
 * in DER, which takes at most so many. */
#define ES256_NUMBER_BYTES 32
#define ES256_DER_BYTES    80

#define GROUP_NAME_BYTES 64

static const char *const algorithm_names[] = {
    [TOKEN_HS256] = "HS256",
    [TOKEN_RS256] = "RS256",
    [TOKEN_ES256] = "ES256",
};
#define ALGORITHM_COUNT (sizeof(algorithm_names) / sizeof(algorithm_names[0]))

const char *token_algorithm_name(enum token_algorithm algorithm)
{
    return algorithm_names[algorithm];
}

bool token_algorithm_parse(const char *name, enum token_algorithm *algorithm)
{
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        if (strcmp(name, algorithm_names[i]) == 0) {
            *algorithm = (enum token_algorithm)i;
            return true;
        }
    }
    return false;
}

/* What a call of OpenSSL that failed means. Empties this thread's queue of errors. */
static enum token_key_result result_of_failure(void)
{
    enum token_key_result result = TOKEN_KEY_BAD;
    unsigned long code;

    while ((code = ERR_get_error()) != 0)
        if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
            result = TOKEN_KEY_NO_MEMORY;
    return result;
}

/* ---- making ---- */

static void set_fingerprint(struct token_key *key, const void *bytes, size_t length)
{
    struct sha256_ctx context;
    unsigned char kind = (unsigned char)key->algorithm;

    sha256_init(&context);
    sha256_update(&context, 1, &kind);
    sha256_update(&context, length, bytes);
    sha256_digest(&context, sizeof(key->fingerprint.bytes), key->fingerprint.bytes);
    explicit_bzero(&context, sizeof(context));
}

void token_key_set_secret(struct token_key *key, const void *secret, size_t length)
{
    ASSERT(length > 0);
    key->algorithm = TOKEN_HS256;
    hmac_sha256_set_key(&key->secret, length, secret);
    set_fingerprint(key, secret, length);
}

static bool is_on_p256(const EVP_PKEY *public_key)
{
    char name[GROUP_NAME_BYTES];

    return EVP_PKEY_get_group_name(public_key, name, sizeof(name), NULL) == 1 &&
           OBJ_txt2nid(name) == NID_X9_62_prime256v1;
}

/* NULL when it is one for the algorithm. */
static const char *find_fault(const EVP_PKEY *public_key, enum token_algorithm algorithm)
{
    int type = EVP_PKEY_get_base_id(public_key);

    if (algorithm == TOKEN_RS256 && type != EVP_PKEY_RSA)
        return "is no RSA key, as RS256 needs it";
    if (algorithm == TOKEN_RS256 && EVP_PKEY_get_bits(public_key) < TOKEN_RSA_MIN_BITS)
        return "is an RSA key of fewer than the 2048 bits that RFC 7518 asks for";
    if (algorithm == TOKEN_ES256 && (type != EVP_PKEY_EC || !is_on_p256(public_key)))
        return "is no key on the curve P-256, as ES256 needs it";
    return NULL;
}

enum token_key_result token_key_set_public(struct token_key *key, enum token_algorithm algorithm,
                                           EVP_PKEY *public_key, const char **reason)
{
    unsigned char *der = NULL;

    key->algorithm = algorithm;
    key->public_key = public_key;
    *reason = find_fault(public_key, algorithm);
    ERR_clear_error();
    if (*reason != NULL)
        return TOKEN_KEY_BAD;
    int length = i2d_PUBKEY(public_key, &der);
    ERR_clear_error();
    if (length <= 0)
        return TOKEN_KEY_NO_MEMORY; /* there is no other reason */
    set_fingerprint(key, der, (size_t)length);
    OPENSSL_free(der);
    return TOKEN_KEY_GOOD;
}

enum token_key_result token_key_set_pem(struct token_key *key, enum token_algorithm algorithm,
                                        const char *pem, const char **reason)
{
    BIO *source = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *public_key = source != NULL ? PEM_read_bio_PUBKEY(source, NULL, NULL, NULL) : NULL;

    BIO_free(source);
    *reason = "is no public key in PEM form";
    return public_key != NULL ? token_key_set_public(key, algorithm, public_key, reason)
                              : result_of_failure();
}

void token_key_clear(struct token_key *key)
{
    EVP_PKEY_free(key->public_key);
    explicit_bzero(key, sizeof(*key));
}

/* ---- signatures ---- */

void token_key_sign(const struct token_key *key, const char *text, size_t length,
                    unsigned char signature[TOKEN_HMAC_BYTES])
{
    struct hmac_sha256_ctx context = key->secret;

    ASSERT(key->algorithm == TOKEN_HS256);
    hmac_sha256_update(&context, length, (const unsigned char *)text);
    hmac_sha256_digest(&context, TOKEN_HMAC_BYTES, signature);
    explicit_bzero(&context, sizeof(context));
}

static enum token_key_result verify_secret(const struct token_key *key, const char *text,
                                           size_t length, const unsigned char *signature,
                                           size_t signature_length)
{
    unsigned char expected[TOKEN_HMAC_BYTES];

    if (signature_length != sizeof(expected))
        return TOKEN_KEY_BAD;
    token_key_sign(key, text, length, expected);
    return memeql_sec(signature, expected, sizeof(expected)) ? TOKEN_KEY_GOOD : TOKEN_KEY_BAD;
}

static enum token_key_result verify_public(const struct token_key *key, const char *text,
                                           size_t length, const unsigned char *signature,
                                           size_t signature_length)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    enum token_key_result result = TOKEN_KEY_NO_MEMORY;

    if (context != NULL &&
        EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key->public_key) == 1)
        result = EVP_DigestVerify(context, signature, signature_length, (const unsigned char *)text,
                                  length) == 1
                     ? TOKEN_KEY_GOOD
                     : result_of_failure();
    ERR_clear_error();
    EVP_MD_CTX_free(context);
    return result;
}

/* Takes the two numbers of a signature of ES256 into a structure of OpenSSL, or NULL. */
static ECDSA_SIG *read_es256(const unsigned char *signature)
{
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, ES256_NUMBER_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(signature + ES256_NUMBER_BYTES, ES256_NUMBER_BYTES, NULL);

    if (numbers != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(numbers, r, s) == 1)
        return numbers;
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(numbers);
    return NULL;
}

static enum token_key_result verify_es256(const struct token_key *key, const char *text,
                                          size_t length, const unsigned char *signature,
                                          size_t signature_length)
{
    unsigned char der[ES256_DER_BYTES];
    unsigned char *end = der;

    if (signature_length != (size_t)2 * ES256_NUMBER_BYTES)
        return TOKEN_KEY_BAD;
    ECDSA_SIG *numbers = read_es256(signature);
    int der_length = numbers != NULL ? i2d_ECDSA_SIG(numbers, &end) : 0;
    ECDSA_SIG_free(numbers);
    if (der_length <= 0)
        return TOKEN_KEY_NO_MEMORY;
    return verify_public(key, text, length, der, (size_t)der_length);
}

enum token_key_result token_key_verify(const struct token_key *key, const char *text, size_t length,
                                       const unsigned char *signature, size_t signature_length)
{
    switch (key->algorithm) {
    case TOKEN_HS256:
        return verify_secret(key, text, length, signature, signature_length);
    case TOKEN_RS256:
        return verify_public(key, text, length, signature, signature_length);
    case TOKEN_ES256:
        return verify_es256(key, text, length, signature, signature_length);
    }
    return TOKEN_KEY_BAD;
}
