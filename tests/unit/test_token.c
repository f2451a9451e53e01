#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jwt.h>

#include "common/buffer.h"
#include "common/token.h"
#include "common/token_keys.h"
#include "tests/unit/failing_malloc.h"
#include "tests/unit/hmac_sha256.h"

#define SECRET "0123456789abcdef0123456789abcdef"
/* What the tests take for now, and times around it in seconds. */
#define NOW_S  INT64_C(1795504066)
#define NOW_MS (NOW_S * 1000 + 683)

/* Made for these tests. */
static const char rsa_private_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCVmQL6iCWStZu0\n"
    "uiy+2Y3kLrJ0jq6W8LnBgghxzumVbme5Ujbg/SDB1RZDA+gO7L+kQI1VFai15iO4\n"
    "EDVAc8+pu9SPtf7LJbz5Np5o0/yHI70g+V3AWbveka5iTFqn/GOlke0vxr12Isav\n"
    "bh+z+e0TUkzi3YsMg94mQzzUxYS7AENaJP2SmGqXfFTLYz4ADYbeeo/fhGdvQbVn\n"
    "Tro8yIYQiY9EPXMtKhpOWFQAQlv9j6zCsFtTM6Yea54QjSyau2aq4xKTo183/0C2\n"
    "EBrHCMGn7mYWzqWsri1l3VSclvx0JsPsHfIBLEM+WiHkfV+GMG1QG2ooV92M+wfj\n"
    "JRZM4BojAgMBAAECggEAFwIHBsAswzEiRvwBSMMOAyO5d5rAOF/CugPFR7eyjjSC\n"
    "SGrgHN9hi945g8oUhUMdQGZbNlRT89H2+WaowgZt0GWejhHII7dkppGjcGz2IFS7\n"
    "UFh59kz2y4btYpnqsX5sVvkoGRqAZix4EWAnCRetwjR8tcGsEpsvbgQWVYUhYl8u\n"
    "SWaSozv9xB/NC+FDRt0bJVu+cvct1JjAtJ/YTLYjdqd0W3Uc1PJzXFcXf+1NiUFL\n"
    "A0vwZ1SwIw3CA2fQMi71giadmahhfAxOTR1H3i/lMZ/tcHR2wPCsZxHot4SXD6/w\n"
    "1XijHZh4VllNa0xdbY3hLma3Ib7xcocxnHJxkoANpQKBgQDF5bKmk3hkrdRbCHZU\n"
    "K6rWR0ogDg1zUPgGMzW/FLnwvIaCRyjh0evyBe+I/rQxH09im82doxhECAaLNPfC\n"
    "5dJPD9osdRKn2H6A+GKme9II1x/Q9/HIM0Q7x1rtc9wLfsu1GXNha4RC+z3gw4GM\n"
    "acFczF7TMkewlcsKcLIXiv5tVwKBgQDBhQkAE5e5aScgdqjrMqqKbk0T+TJbyUqA\n"
    "jONUXaYD0+sznw6xiMY+w/WkY0eMjDg7Te+9XRQLPssLlvmhlSIx5wxO/mysPODB\n"
    "8JyAYlT/3cUEvEUUtHDbKT0PFJTuVdsND1sRCs2AxLNXP34FrkMH7EPfKz6v9Pln\n"
    "8AqVR9CuFQKBgEisYJ3hfA3k9B32DpY8bwE/rs30uyXE70A/oBYqw1nPscm33iCH\n"
    "mZEIcv2pI30ClYGN28Vu9mNNWzHV4sKU6VWVabZ3y8ENtO8hyACBahFLBukTlJvD\n"
    "j+QwAok+yekCyEYaMY/uDuUWJJQc1787uwGcH5qJVWBYsfaEijIxHdwDAoGBALfw\n"
    "D0H3XXtqKzp8DsqfeeHiPXkCn48GoL3XLCyAZs+0mhaS1JCChIwcDluV0egRT1Fv\n"
    "HrRKyEZ4BN6bPeMLsVjlV5mt0vVTV/5/CQIudMROsnlxyeeIKszlQZgX5Ac1q+OZ\n"
    "+OEV94axcBU50DruC+B3/Xsdy5PLsVPNoQGLJRqRAoGAa7Ike3+dI8IKrm7v1FvW\n"
    "wYJQs4ZefXNDeJO7TIAt1C56IKLDKv45ONb8Qx/wdtKsY4k1AKGjePtFI0EpUI4x\n"
    "WGftTD3u2Ta4VSxOYjLS6kQG4Zh5pslzOc9WtBjg+f+Im9cy3WOaG/bCrrNICOY6\n"
    "NiDLBvpARJlot7h1DBsASlw=\n"
    "-----END PRIVATE KEY-----\n";

static const char rsa_public_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAlZkC+oglkrWbtLosvtmN\n"
    "5C6ydI6ulvC5wYIIcc7plW5nuVI24P0gwdUWQwPoDuy/pECNVRWoteYjuBA1QHPP\n"
    "qbvUj7X+yyW8+TaeaNP8hyO9IPldwFm73pGuYkxap/xjpZHtL8a9diLGr24fs/nt\n"
    "E1JM4t2LDIPeJkM81MWEuwBDWiT9kphql3xUy2M+AA2G3nqP34Rnb0G1Z066PMiG\n"
    "EImPRD1zLSoaTlhUAEJb/Y+swrBbUzOmHmueEI0smrtmquMSk6NfN/9AthAaxwjB\n"
    "p+5mFs6lrK4tZd1UnJb8dCbD7B3yASxDPloh5H1fhjBtUBtqKFfdjPsH4yUWTOAa\n"
    "IwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

static const char ec_private_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXg9tvHDbpyfbw2hS\n"
    "xpKQifKPohQ1cv7cKS/txwdlMXuhRANCAAQ12SekRpId/5F+cTBwI/Jr4HDIJa+I\n"
    "kCLSWWuAv8emFHM8HQxhZAUukhQpOh/zUzL3tRn3jhPTmrNbC9F1+6Ai\n"
    "-----END PRIVATE KEY-----\n";

static const char ec_public_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENdknpEaSHf+RfnEwcCPya+BwyCWv\n"
    "iJAi0llrgL/HphRzPB0MYWQFLpIUKTof81My97UZ944T05qzWwvRdfugIg==\n"
    "-----END PUBLIC KEY-----\n";

static const char other_ec_public_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEu48hLZ0OYw+ZTPHZDP3rhQ7kBzs7\n"
    "wP8Nso3Ia43vtuejdCMI7/TVGQEzEE/xQ0dAglsLuprX1wXi38u78AbOoQ==\n"
    "-----END PUBLIC KEY-----\n";

static const char p384_public_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE0k/uK4rveu5XuKGkARwJXLr7Dncy02Tx\n"
    "4yZIYnEwub4XbIitZ0ipAdwwyseKfGn2wn4fs5V1s3xdB/zXOOSJDMicBDGuiXqW\n"
    "xwfKJSGwcQUmpBM8R3RIIPPcChk849hd\n"
    "-----END PUBLIC KEY-----\n";

static const char ed25519_public_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAKTDVwFz8byVA4lz+/mWYrfFAGCrtW0/HDjjWuiSsRag=\n"
    "-----END PUBLIC KEY-----\n";

static const char rsa_1024_public_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQD6/KbWlhjKq4VevizpJtYDx7UI\n"
    "yVZEZ+dLy1b/zduCbZrgaJGrRfaH3pD6x2gzu8Ys6bgZfkB4qzWhYUnTCiS8yru7\n"
    "dFt/jT/gULSsUSB19fyvFlq4Xv8myFtaUrfvaZbfiG3W4eLydhOfY4sdTaYn8lH3\n"
    "BZrYzAxtZMg4rr1X7wIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

/* ---- fixture ---- */

struct fixture {
    struct config config;
    struct token_verifier *verifier;
    struct token_claims claims;
    struct error error;
    char key_path[64];
};

static void set_list(struct config_list *list, const char *first, const char *second)
{
    char *at = list->storage;

    list->count = 2;
    list->items[0] = at;
    strcpy(at, first);
    at += strlen(first) + 1;
    list->items[1] = at;
    strcpy(at, second);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (fixture == NULL)
        return -1;
    strcpy(fixture->config.auth_jwt_secret, SECRET);
    fixture->config.auth_require_expiry = true;
    set_list(&fixture->config.auth_salon_roles, "salon", "user_tatoueur");
    set_list(&fixture->config.auth_client_roles, "client", "guest");
    error_clear(&fixture->error);
    fixture->verifier = token_verifier_create(&fixture->config, &fixture->error);
    *state = fixture;
    return fixture->verifier != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    if (fixture->key_path[0] != '\0')
        unlink(fixture->key_path);
    token_verifier_free(fixture->verifier);
    free(fixture);
    return 0;
}

static void write_key_file(struct fixture *fixture, const char *content, size_t length)
{
    if (fixture->key_path[0] != '\0')
        unlink(fixture->key_path);
    strcpy(fixture->key_path, "/tmp/messagerie-key-XXXXXX");
    int descriptor = mkstemp(fixture->key_path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, content, length), length);
    close(descriptor);
}

/* Writes a key file and configures it. */
static void use_key_file(struct fixture *fixture, const char *content, size_t length,
                         const char *algorithm)
{
    write_key_file(fixture, content, length);
    strcpy(fixture->config.auth_jwt_public_key_file, fixture->key_path);
    strcpy(fixture->config.auth_jwt_public_key_algorithm, algorithm);
}

static bool make_verifier(struct fixture *fixture)
{
    token_verifier_free(fixture->verifier);
    error_clear(&fixture->error);
    fixture->verifier = token_verifier_create(&fixture->config, &fixture->error);
    return fixture->verifier != NULL;
}

static void use_public_key(struct fixture *fixture, const char *pem, const char *algorithm)
{
    use_key_file(fixture, pem, strlen(pem), algorithm);
    if (!make_verifier(fixture))
        fail_msg("%s", fixture->error.text);
}

/* ---- making tokens ---- */

/* By libjwt, which writes the header. */
static char *token_by_library(const char *claims, jwt_alg_t algorithm, const char *key)
{
    jwt_t *jwt = NULL;

    assert_int_equal(jwt_new(&jwt), 0);
    assert_int_equal(jwt_add_grants_json(jwt, claims), 0);
    assert_int_equal(
        jwt_set_alg(jwt, algorithm, (const unsigned char *)key, key != NULL ? (int)strlen(key) : 0),
        0);
    char *text = jwt_encode_str(jwt);
    assert_non_null(text);
    jwt_free(jwt);
    return text;
}

static void append_base64url(struct buffer *out, const void *bytes, size_t length)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *from = bytes;
    unsigned int bits = 0;
    int count = 0;

    for (size_t i = 0; i < length; i++) {
        bits = bits << 8 | from[i];
        for (count += 8; count >= 6; count -= 6)
            buffer_append(out, &alphabet[bits >> (count - 6) & 0x3F], 1);
    }
    if (count > 0)
        buffer_append(out, &alphabet[bits << (6 - count) & 0x3F], 1);
}

/* By hand: any bytes as header and payload, signed with HMAC-SHA256. */
static char *token_by_hand(const char *header, const char *payload, size_t payload_length,
                           const char *key)
{
    struct buffer token = BUFFER_EMPTY;
    unsigned char signature[SHA256_BYTES];

    append_base64url(&token, header, strlen(header));
    buffer_append_text(&token, ".");
    append_base64url(&token, payload, payload_length);
    hmac_sha256(key, token.data, token.length, signature);
    buffer_append_text(&token, ".");
    append_base64url(&token, signature, sizeof(signature));
    assert_non_null(buffer_text(&token));
    return token.data;
}

#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static bool verifies(struct fixture *fixture, const char *token)
{
    memset(&fixture->claims, 'x', sizeof(fixture->claims)); /* as on a stack */
    error_clear(&fixture->error);
    bool is_valid = token_verify(fixture->verifier, token, strlen(token), NOW_MS, &fixture->claims,
                                 &fixture->error);
    if (!is_valid) {
        assert_int_equal(fixture->error.kind, ERROR_UNAUTHORIZED);
        assert_string_equal(fixture->error.text, "Unauthorized");
        assert_non_null(fixture->error.reason);
        assert_true(fixture->error.detail[0] != '\0');
        assert_null(strpbrk(fixture->error.detail, "\"\\\r\n"));
    }
    return is_valid;
}

/* Verifies and frees. */
static bool takes(struct fixture *fixture, char *token)
{
    bool is_valid = verifies(fixture, token);

    free(token);
    return is_valid;
}

/* A token with these claims, rightly signed. */
static bool takes_claims(struct fixture *fixture, const char *claims)
{
    return takes(fixture, token_by_hand(HEADER, claims, strlen(claims), SECRET));
}

/* The same with userId and exp in front. */
static bool takes_more(struct fixture *fixture, const char *more)
{
    char claims[2 * TOKEN_CLAIM_BYTES];

    snprintf(claims, sizeof(claims), "{\"userId\":\"u1\",\"exp\":%lld%s%s}", (long long)NOW_S + 60,
             more[0] != '\0' ? "," : "", more);
    return takes_claims(fixture, claims);
}

/* ---- what is right ---- */

static void our_hand_and_a_library_sign_alike(void **state)
{
    static const char claims[] = "{\"exp\":1,\"userId\":\"u1\"}"; /* sorted, as libjwt does */
    char *by_library = token_by_library(claims, JWT_ALG_HS256, SECRET);
    char *by_hand =
        token_by_hand("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", claims, strlen(claims), SECRET);

    (void)state;
    assert_string_equal(by_library, by_hand);
    free(by_library);
    free(by_hand);
}

static void all_claims_are_read(void **state)
{
    struct fixture *fixture = *state;
    const struct token_claims *claims = &fixture->claims;

    assert_true(takes_claims(fixture,
                             "{\"userId\":\"u-é\",\"role\":\"salon\",\"email\":\"a@b.example\","
                             "\"firstName\":\"Zoé\",\"lastName\":\"\\u004c\",\"salonName\":\"S\","
                             "\"image\":\"https://x\",\"iat\":1795504000,\"exp\":1795504067,"
                             "\"nbf\":1795504066,\"other\":{\"deep\":[1]}}"));
    assert_string_equal(claims->user_id, "u-é");
    assert_string_equal(claims->role, "salon");
    assert_int_equal(claims->kind, CALLER_SALON);
    assert_int_equal(claims->issued_at_ms, INT64_C(1795504000000));
    assert_int_equal(claims->expires_at_ms, INT64_C(1795504067000));
    assert_string_equal(claims->email, "a@b.example");
    assert_string_equal(claims->first_name, "Zoé");
    assert_string_equal(claims->last_name, "L");
    assert_string_equal(claims->salon_name, "S");
    assert_string_equal(claims->image, "https://x");
}

static void what_is_optional_may_be_missing(void **state)
{
    struct fixture *fixture = *state;
    const struct token_claims *claims = &fixture->claims;

    assert_true(takes_more(fixture, ""));
    assert_string_equal(claims->user_id, "u1");
    assert_string_equal(claims->role, "");
    assert_int_equal(claims->kind, CALLER_OTHER);
    assert_int_equal(claims->issued_at_ms, 0);
    assert_string_equal(claims->email, "");
    assert_string_equal(claims->first_name, "");
    assert_string_equal(claims->last_name, "");
    assert_string_equal(claims->salon_name, "");
    assert_string_equal(claims->image, "");
}

static void a_role_makes_the_kind_of_caller(void **state)
{
    static const struct {
        const char *role;
        enum caller_kind kind;
    } roles[] = {
        {"salon", CALLER_SALON},     {"user_tatoueur", CALLER_SALON},
        {"client", CALLER_CLIENT},   {"guest", CALLER_CLIENT},
        {"service", CALLER_SERVICE}, {"admin", CALLER_OTHER},
        {"Salon", CALLER_OTHER},     {"", CALLER_OTHER},
        {"services", CALLER_OTHER},  {" salon", CALLER_OTHER},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(roles); i++) {
        char more[100];
        snprintf(more, sizeof(more), "\"role\":\"%s\"", roles[i].role);
        assert_true(takes_more(fixture, more));
        assert_string_equal(fixture->claims.role, roles[i].role);
        assert_int_equal(fixture->claims.kind, roles[i].kind);
        assert_int_equal(token_role_kind(&fixture->config, roles[i].role), roles[i].kind);
    }
    /* No list can give the booking back-end's role away. */
    set_list(&fixture->config.auth_salon_roles, "service", "x");
    assert_int_equal(token_role_kind(&fixture->config, "service"), CALLER_SERVICE);
}

/* ---- times ---- */

static void a_token_ends_when_it_says(void **state)
{
    static const struct {
        const char *exp;
        bool is_valid;
    } times[] = {
        {"1795504067", true},
        {"1795504066", false},
        {"1795504066.683", false}, /* now */
        {"1795504066.684", true},
        {"1.795504067e9", true},
        {"1e300", true},
        {"9223372036854775807", true},
        {"0", false},
        {"-1", false},
        {"-1e300", false},
        {"\"1795504067\"", false},
        {"true", false},
        {"[1795504067]", false},
        {"{}", false},
        {"null", false},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(times); i++) {
        char claims[200];
        snprintf(claims, sizeof(claims), "{\"userId\":\"u1\",\"exp\":%s}", times[i].exp);
        if (takes_claims(fixture, claims) != times[i].is_valid)
            fail_msg("exp %s: %d expected", times[i].exp, times[i].is_valid);
    }
    assert_true(takes_claims(fixture, "{\"userId\":\"u1\",\"exp\":1e300}"));
    assert_true(fixture->claims.expires_at_ms > NOW_MS &&
                fixture->claims.expires_at_ms < INT64_MAX / 2);
}

static void a_token_has_an_end_unless_configured_otherwise(void **state)
{
    struct fixture *fixture = *state;

    assert_false(takes_claims(fixture, "{\"userId\":\"u1\"}"));
    fixture->config.auth_require_expiry = false;
    assert_true(make_verifier(fixture));
    assert_true(takes_claims(fixture, "{\"userId\":\"u1\"}"));
    assert_int_equal(fixture->claims.expires_at_ms, 0);
    assert_true(takes_claims(fixture, "{\"userId\":\"u1\",\"exp\":null}"));
    assert_false(takes_claims(fixture, "{\"userId\":\"u1\",\"exp\":0}"));
    assert_false(takes_claims(fixture, "{\"userId\":\"u1\",\"exp\":1795504066}"));
    assert_false(takes_claims(fixture, "{\"userId\":\"u1\",\"exp\":\"1795504099\"}"));
}

static void a_token_begins_when_it_says(void **state)
{
    struct fixture *fixture = *state;

    assert_true(takes_more(fixture, "\"nbf\":1795504066"));
    assert_true(takes_more(fixture, "\"nbf\":1795504066.683"));
    assert_true(takes_more(fixture, "\"nbf\":-5"));
    assert_true(takes_more(fixture, "\"nbf\":null"));
    assert_false(takes_more(fixture, "\"nbf\":1795504066.684"));
    assert_false(takes_more(fixture, "\"nbf\":1795504067"));
    assert_false(takes_more(fixture, "\"nbf\":1e300"));
    assert_false(takes_more(fixture, "\"nbf\":\"0\""));
    assert_false(takes_more(fixture, "\"nbf\":false"));
    fixture->config.auth_clock_leeway_s = 30;
    assert_true(make_verifier(fixture));
    assert_true(takes_more(fixture, "\"nbf\":1795504096.683"));
    assert_false(takes_more(fixture, "\"nbf\":1795504096.684"));
    assert_false(takes_more(fixture, "\"exp\":1795504066,\"nbf\":1795504060"));
}

static void the_time_of_issue_is_read(void **state)
{
    struct fixture *fixture = *state;

    assert_true(takes_more(fixture, "\"iat\":1795504066.5"));
    assert_int_equal(fixture->claims.issued_at_ms, INT64_C(1795504066500));
    assert_true(takes_more(fixture, "\"iat\":null"));
    assert_int_equal(fixture->claims.issued_at_ms, 0);
    assert_true(takes_more(fixture, "\"iat\":-1"));
    assert_int_equal(fixture->claims.issued_at_ms, 0);
    assert_false(takes_more(fixture, "\"iat\":\"1795504066\""));
    assert_false(takes_more(fixture, "\"iat\":{}"));
}

/* ---- types ---- */

static void a_user_id_is_a_short_text(void **state)
{
    static const char *const wrong[] = {
        "",
        "\"userId\":null,",
        "\"userId\":\"\",",
        "\"userId\":7,",
        "\"userId\":true,",
        "\"userId\":[\"u1\"],",
        "\"userId\":{},",
        "\"userid\":\"u1\",",
        "\"sub\":\"u1\",",
        "\"userId\":\"a\\nb\",",
        "\"userId\":\"\\u0000\",",
        "\"userId\":\"u1\\u0000x\",",
        "\"userId\":\"a\\u007f\",",
        "\"userId\":\"a\xff\",",
        "\"userId\":\"\\ud800\",",
    };
    struct fixture *fixture = *state;
    char claims[300];

    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        snprintf(claims, sizeof(claims), "{%s\"exp\":1795504099}", wrong[i]);
        if (takes_claims(fixture, claims))
            fail_msg("accepted: %s", claims);
    }
    for (int length = FOREIGN_ID_MAX_BYTES - 1; length <= FOREIGN_ID_MAX_BYTES + 1; length++) {
        snprintf(claims, sizeof(claims), "{\"userId\":\"%0*d\",\"exp\":1795504099}", length, 0);
        assert_int_equal(takes_claims(fixture, claims), length <= FOREIGN_ID_MAX_BYTES);
    }
}

static void a_role_is_a_short_text(void **state)
{
    struct fixture *fixture = *state;
    char more[100];

    assert_true(takes_more(fixture, "\"role\":null"));
    assert_string_equal(fixture->claims.role, "");
    assert_false(takes_more(fixture, "\"role\":1"));
    assert_false(takes_more(fixture, "\"role\":[\"salon\"]"));
    assert_false(takes_more(fixture, "\"role\":true"));
    assert_false(takes_more(fixture, "\"role\":\"salon\\u0000\""));
    assert_false(takes_more(fixture, "\"role\":\"\xff\""));
    for (int length = TOKEN_ROLE_BYTES - 2; length <= TOKEN_ROLE_BYTES; length++) {
        snprintf(more, sizeof(more), "\"role\":\"%0*d\"", length, 0);
        assert_int_equal(takes_more(fixture, more), length < TOKEN_ROLE_BYTES);
    }
}

static void optional_claims_of_the_wrong_type_are_absent(void **state)
{
    static const char *const values[] = {"null", "7", "true", "[\"x\"]", "{\"x\":1}", "1.5"};
    struct fixture *fixture = *state;
    char more[200];

    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        snprintf(more, sizeof(more), "\"email\":%s,\"firstName\":%s,\"image\":\"kept\"", values[i],
                 values[i]);
        assert_true(takes_more(fixture, more));
        assert_string_equal(fixture->claims.email, "");
        assert_string_equal(fixture->claims.first_name, "");
        assert_string_equal(fixture->claims.image, "kept");
    }
}

static void long_optional_claims_are_absent(void **state)
{
    struct fixture *fixture = *state;
    char more[TOKEN_CLAIM_BYTES + 100];

    for (int length = TOKEN_CLAIM_BYTES - 2; length <= TOKEN_CLAIM_BYTES; length++) {
        snprintf(more, sizeof(more), "\"image\":\"%0*d\"", length, 0);
        assert_true(takes_more(fixture, more));
        assert_int_equal(strlen(fixture->claims.image), length < TOKEN_CLAIM_BYTES ? length : 0);
    }
}

/* ---- forgeries ---- */

static const char good_claims[] = "{\"userId\":\"u1\",\"role\":\"salon\",\"exp\":1795504099}";

static void another_secret_is_refused(void **state)
{
    struct fixture *fixture = *state;

    assert_true(takes(fixture, token_by_library(good_claims, JWT_ALG_HS256, SECRET)));
    assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_HS256, SECRET "x")));
    assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_HS256, "0123456789abcdef")));
}

static void other_algorithms_are_refused(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"NONE\"}",
        "{\"alg\":\"None\",\"typ\":\"JWT\"}",
        "{\"alg\":\"\"}",
        "{\"alg\":\"HS384\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"HS257\"}",
        "{\"alg\":null}",
        "{\"alg\":256}",
        "{}",
        "{\"typ\":\"JWT\"}",
        "[]",
        "\"HS256\"",
        "null",
        "x",
        "",
    };
    struct fixture *fixture = *state;

    assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_HS384, SECRET)));
    assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_HS512, SECRET)));
    assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_NONE, NULL)));
    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
        char *token = token_by_hand(headers[i], good_claims, strlen(good_claims), SECRET);
        if (verifies(fixture, token))
            fail_msg("accepted: %s", headers[i]);
        *strrchr(token, '.') = '\0'; /* without signature, and without its dot */
        assert_false(verifies(fixture, token));
        token[strlen(token)] = '.';
        strrchr(token, '.')[1] = '\0';
        assert_false(verifies(fixture, token));
        free(token);
    }
}

static void a_critical_header_is_refused(void **state)
{
    struct fixture *fixture = *state;

    assert_true(takes(fixture, token_by_hand("{\"alg\":\"HS256\",\"kid\":\"1\"}", good_claims,
                                             strlen(good_claims), SECRET)));
    assert_false(
        takes(fixture, token_by_hand("{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}",
                                     good_claims, strlen(good_claims), SECRET)));
    assert_false(takes(fixture, token_by_hand("{\"alg\":\"HS256\",\"crit\":\"x\"}", good_claims,
                                              strlen(good_claims), SECRET)));
}

static void a_public_key_verifies(void **state)
{
    static const struct {
        const char *private_key;
        const char *public_key;
        jwt_alg_t algorithm;
        const char *name;
    } keys[] = {
        {rsa_private_key, rsa_public_key, JWT_ALG_RS256, "RS256"},
        {ec_private_key, ec_public_key, JWT_ALG_ES256, "ES256"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        const char *key = keys[i].private_key;
        use_public_key(fixture, keys[i].public_key, keys[i].name);
        assert_true(takes(fixture, token_by_library(good_claims, keys[i].algorithm, key)));
        assert_string_equal(fixture->claims.user_id, "u1");
        assert_true(takes(fixture, token_by_library(good_claims, JWT_ALG_HS256, SECRET)));

        /* The attack of the algorithm: the public key, which all know, as an HMAC key. */
        char *forged = token_by_library(good_claims, JWT_ALG_HS256, keys[i].public_key);
        assert_false(verifies(fixture, forged));
        fixture->config.auth_jwt_secret[0] = '\0';
        assert_true(make_verifier(fixture));
        assert_false(takes(fixture, forged));
        assert_true(takes(fixture, token_by_library(good_claims, keys[i].algorithm, key)));
        assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_HS256, SECRET)));
        assert_false(takes(fixture, token_by_hand(HEADER, good_claims, strlen(good_claims), "")));
        assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_NONE, NULL)));
        assert_false(takes(fixture, token_by_hand("{\"alg\":\"RS256\"}", good_claims,
                                                  strlen(good_claims), keys[i].name)));
        strcpy(fixture->config.auth_jwt_secret, SECRET);
    }
}

/* Tokens of a neighbour algorithm or another key pair. */
static void another_public_key_is_refused(void **state)
{
    struct fixture *fixture = *state;

    use_public_key(fixture, rsa_public_key, "RS256");
    assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_RS384, rsa_private_key)));
    assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_RS512, rsa_private_key)));
    assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_ES256, ec_private_key)));
    use_public_key(fixture, ec_public_key, "ES256");
    assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_RS256, rsa_private_key)));
}

/* A token of ES256 whose signature is `length` bytes of `fill` (RFC 7518 section 3.4: 64). */
static char *token_with_signature(const char *header, size_t length, unsigned char fill)
{
    struct buffer token = BUFFER_EMPTY;
    unsigned char signature[512];

    memset(signature, fill, sizeof(signature));
    append_base64url(&token, header, strlen(header));
    buffer_append_text(&token, ".");
    append_base64url(&token, good_claims, strlen(good_claims));
    buffer_append_text(&token, ".");
    append_base64url(&token, signature, length);
    assert_non_null(buffer_text(&token));
    return token.data;
}

static void what_is_no_signature_is_refused(void **state)
{
    static const struct {
        const char *name;
        const char *public_key;
        const char *header;
    } keys[] = {
        {"RS256", rsa_public_key, "{\"alg\":\"RS256\"}"},
        {"ES256", ec_public_key, "{\"alg\":\"ES256\"}"},
    };
    static const size_t lengths[] = {1, 31, 32, 63, 64, 65, 72, 128, 255, 256, 257, 512};
    static const unsigned char fills[] = {0, 1, 0x30, 0x7F, 0xFF};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        use_public_key(fixture, keys[i].public_key, keys[i].name);
        for (size_t j = 0; j < ARRAY_LENGTH(lengths); j++)
            for (size_t k = 0; k < ARRAY_LENGTH(fills); k++)
                assert_false(
                    takes(fixture, token_with_signature(keys[i].header, lengths[j], fills[k])));
    }
}

/* The bits of a token of a public key, as in every_bit_of_a_token_counts. */
static void every_bit_of_a_token_of_a_public_key_counts(void **state)
{
    struct fixture *fixture = *state;
    char *token = token_by_library(good_claims, JWT_ALG_ES256, ec_private_key);
    size_t length = strlen(token);

    use_public_key(fixture, ec_public_key, "ES256");
    assert_true(verifies(fixture, token));
    for (size_t at = 0; at < length; at++) {
        token[at] = (char)(token[at] ^ 1);
        assert_false(verifies(fixture, token));
        token[at] = (char)(token[at] ^ 1);
    }
    assert_true(takes(fixture, token));
}

static void the_header_says_what_it_must(void **state)
{
    static const struct {
        const char *header;
        bool is_valid;
    } headers[] = {
        {"{\"alg\":\"HS256\"}", true},
        {"{\"typ\":\"jwt\",\"alg\":\"HS256\"}", true},
        {"{\"typ\":null,\"alg\":\"HS256\"}", true},
        {"{\"typ\":1,\"alg\":\"HS256\",\"kid\":1,\"more\":{\"deep\":[]}}", true},
        {"{\"typ\":\"JWS\",\"alg\":\"HS256\"}", false},
        {"{\"typ\":\"\",\"alg\":\"HS256\"}", false},
        {"{\"alg\":\"hs256\"}", false},
        {"{\"alg\":\"HS256 \"}", false},
        {"{\"alg\":\"HS256\\u0000\"}", false},
        {"{\"alg\":\"none\",\"alg\":\"HS256\"}", false},
        {"{\"alg\":[\"HS256\"]}", false},
        {"{\"alg\":\"HS256\",\"crit\":null}", false},
        {"{\"alg\":\"HS256\",\"crit\":[]}", false},
        {"{\"alg\":\"HS256\"}x", false},
        {"[\"alg\",\"HS256\"]", false},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
        char *token = token_by_hand(headers[i].header, good_claims, strlen(good_claims), SECRET);
        if (takes(fixture, token) != headers[i].is_valid)
            fail_msg("%s: %d expected", headers[i].header, headers[i].is_valid);
    }
}

static void without_a_key_no_token_is_taken(void **state)
{
    struct fixture *fixture = *state;

    fixture->config.auth_jwt_secret[0] = '\0';
    assert_true(make_verifier(fixture));
    assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_HS256, SECRET)));
    assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_NONE, NULL)));
}

/* ---- keys ---- */

#define PREVIOUS "the secret of last year, long enough"
/* The keys above as JSON, and the secret "abc". */
#define RSA_MEMBERS                                                                                \
    "\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""                                                      \
    "lZkC-oglkrWbtLosvtmN5C6ydI6ulvC5wYIIcc7plW5nuVI24P0gwdUWQwPoDuy_pECNVRWoteYj"                 \
    "uBA1QHPPqbvUj7X-yyW8-TaeaNP8hyO9IPldwFm73pGuYkxap_xjpZHtL8a9diLGr24fs_ntE1JM"                 \
    "4t2LDIPeJkM81MWEuwBDWiT9kphql3xUy2M-AA2G3nqP34Rnb0G1Z066PMiGEImPRD1zLSoaTlhU"                 \
    "AEJb_Y-swrBbUzOmHmueEI0smrtmquMSk6NfN_9AthAaxwjBp-5mFs6lrK4tZd1UnJb8dCbD7B3y"                 \
    "ASxDPloh5H1fhjBtUBtqKFfdjPsH4yUWTOAaIw"                                                       \
    "\""
#define EC_X        "NdknpEaSHf-RfnEwcCPya-BwyCWviJAi0llrgL_HphQ"
#define EC_Y        "czwdDGFkBS6SFCk6H_NTMve1GfeOE9Oas1sL0XX7oCI"
#define EC_MEMBERS  "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\""
#define OCT_MEMBERS "\"kty\":\"oct\",\"k\":\"YWJj\""

static char *token_of_key(const char *name, const char *key)
{
    char header[100];

    snprintf(header, sizeof(header), "{\"alg\":\"HS256\"%s%s%s}", name != NULL ? ",\"kid\":\"" : "",
             name != NULL ? name : "", name != NULL ? "\"" : "");
    return token_by_hand(header, good_claims, strlen(good_claims), key);
}

/* Configures a set of keys, whose file has this text. */
static bool use_key_set(struct fixture *fixture, const char *text)
{
    fixture->config.auth_jwt_public_key_file[0] = '\0';
    write_key_file(fixture, text, strlen(text));
    strcpy(fixture->config.auth_jwt_keys_file, fixture->key_path);
    return make_verifier(fixture);
}

/* ---- why ---- */

/* The reason for which a token is refused, which is then freed; "accepted" when it is not. */
static const char *reason_for(struct fixture *fixture, char *token)
{
    return takes(fixture, token) ? "accepted" : fixture->error.reason;
}

static const char *reason_for_claims(struct fixture *fixture, const char *claims)
{
    return reason_for(fixture, token_by_hand(HEADER, claims, strlen(claims), SECRET));
}

static const char *reason_for_header(struct fixture *fixture, const char *header)
{
    return reason_for(fixture, token_by_hand(header, good_claims, strlen(good_claims), SECRET));
}

static void each_refusal_has_its_reason(void **state)
{
    static const struct {
        const char *claims;
        const char *reason;
    } claims[] = {
        {"{\"userId\":\"u1\",\"exp\":1795504099}", "accepted"},
        {"{\"exp\":1795504099}", "userId"},
        {"{\"userId\":7,\"exp\":1795504099}", "userId"},
        {"{\"userId\":\"u1\",\"role\":7,\"exp\":1795504099}", "claim"},
        {"{\"userId\":\"u1\",\"exp\":\"1795504099\"}", "claim"},
        {"{\"userId\":\"u1\",\"exp\":1795504099,\"nbf\":true}", "claim"},
        {"{\"userId\":\"u1\",\"exp\":1795504099,\"iat\":[]}", "claim"},
        {"{\"userId\":\"u1\"}", "exp"},
        {"{\"userId\":\"u1\",\"exp\":null}", "exp"},
        {"{\"userId\":\"u1\",\"exp\":1795504066}", "expired"},
        {"{\"userId\":\"u1\",\"exp\":1795504099,\"nbf\":1795504067}", "not_yet_valid"},
        {"[]", "malformed"},
        {"{", "malformed"},
    };
    static const struct {
        const char *header;
        const char *reason;
    } headers[] = {
        {"{\"alg\":\"HS256\",\"crit\":[\"b64\"]}", "critical"},
        {"{\"alg\":\"HS256\",\"typ\":\"JWE\"}", "malformed"},
        {"{\"alg\":\"none\"}", "algorithm"},
        {"{\"alg\":\"HS512\"}", "algorithm"},
        {"{\"alg\":\"RS256\"}", "algorithm"}, /* not configured */
        {"{}", "algorithm"},
        {"x", "malformed"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(claims); i++)
        assert_string_equal(reason_for_claims(fixture, claims[i].claims), claims[i].reason);
    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++)
        assert_string_equal(reason_for_header(fixture, headers[i].header), headers[i].reason);
    assert_string_equal(reason_for(fixture, token_of_key(NULL, "another")), "signature");
    assert_false(verifies(fixture, "a.b.c"));
    assert_string_equal(fixture->error.reason, "malformed");
    fixture->config.auth_jwt_secret[0] = '\0';
    assert_true(use_key_set(fixture, "{\"keys\":[{" OCT_MEMBERS ",\"kid\":\"a\"}]}"));
    assert_string_equal(reason_for(fixture, token_of_key("b", "abc")), "key");
    assert_string_equal(reason_for(fixture, token_of_key("a", "abd")), "signature");
}

static int64_t fixed_time(void *context)
{
    (void)context;
    return NOW_MS;
}

/* Each cause once a second, and nothing of the token. */
static void refusals_are_logged_once_a_second(void **state)
{
    static const struct clock clock = {fixed_time, fixed_time, NULL};
    struct fixture *fixture = *state;
    struct token_refusal_log refusals = {0};
    char lines[4096];
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    const struct log log = {"test", LOG_LEVEL_INFO, ends[1], &clock, NULL};
    for (int i = 0; i < 3; i++) {
        assert_false(takes(fixture, token_of_key(NULL, "another")));
        token_log_refusal(&refusals, &log, &fixture->error, "r1");
        assert_false(takes_claims(fixture, "{\"userId\":\"u1\",\"exp\":1}"));
        token_log_refusal(&refusals, &log, &fixture->error, NULL);
        token_refuse(TOKEN_MISSING, &fixture->error);
        token_log_refusal(&refusals, &log, &fixture->error, NULL);
        token_refuse(TOKEN_NO_MEMORY, &fixture->error);
        token_log_refusal(&refusals, &log, &fixture->error, NULL);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], lines, sizeof(lines) - 1);
    assert_true(length > 0);
    lines[length] = '\0';
    close(ends[0]);
    assert_string_equal(
        lines,
        "ts=2026-11-24T07:07:46.683Z level=warning program=test msg=\"token refused\" request=r1 "
        "reason=signature description=\"the signature of the token is by no key that is "
        "configured\"\n"
        "ts=2026-11-24T07:07:46.683Z level=warning program=test msg=\"token refused\" "
        "reason=expired description=\"the token has expired\"\n");
}

/* ---- damaged tokens ---- */

static void every_bit_of_a_token_counts(void **state)
{
    struct fixture *fixture = *state;
    char *token = token_by_library(good_claims, JWT_ALG_HS256, SECRET);
    size_t length = strlen(token);

    /* Also in the last character, two bits of which are no part of the signature: they are 0. */
    for (size_t at = 0; at < length; at++) {
        for (int bit = 0; bit < 8; bit++) {
            token[at] = (char)(token[at] ^ 1 << bit);
            error_clear(&fixture->error);
            assert_false(token_verify(fixture->verifier, token, length, NOW_MS, &fixture->claims,
                                      &fixture->error));
            assert_int_equal(fixture->error.kind, ERROR_UNAUTHORIZED);
            token[at] = (char)(token[at] ^ 1 << bit);
        }
    }
    assert_true(takes(fixture, token));
}

static void a_truncated_token_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char *token = token_by_library(good_claims, JWT_ALG_HS256, SECRET);
    size_t length = strlen(token);

    for (size_t cut = 0; cut < length; cut++) {
        char *part = malloc(cut > 0 ? cut : 1); /* a sanitizer sees one byte too far */
        assert_non_null(part);
        memcpy(part, token, cut);
        error_clear(&fixture->error);
        assert_false(
            token_verify(fixture->verifier, part, cut, NOW_MS, &fixture->claims, &fixture->error));
        free(part);
    }
    free(token);
}

static void garbage_is_refused(void **state)
{
    static const char *const texts[] = {
        "",    ".",     "..",   "...",   "a",        "a.b",         "a.b.c",    "a.b.c.d",
        "a..", "..c",   ".b.",  "a.b.",  ".b.c",     "Bearer a.b",  "null",     "undefined",
        " ",   "a b.c", "=.=.", "é.é.é", "{}.{}.{}", "e30.e30.e30", "e30.e30.", "\n",
    };
    struct fixture *fixture = *state;
    char *good = token_by_library(good_claims, JWT_ALG_HS256, SECRET);
    char text[1000];

    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        assert_false(verifies(fixture, texts[i]));
    snprintf(text, sizeof(text), " %s", good);
    assert_false(verifies(fixture, text));
    snprintf(text, sizeof(text), "%s ", good);
    assert_false(verifies(fixture, text));
    snprintf(text, sizeof(text), "%s=", good);
    assert_false(verifies(fixture, text));
    snprintf(text, sizeof(text), "%s.x", good);
    assert_false(verifies(fixture, text));
    snprintf(text, sizeof(text), "Bearer %s", good);
    assert_false(verifies(fixture, text));

    /* What stands behind the end or behind a NUL does not count. */
    snprintf(text, sizeof(text), "%sx", good);
    assert_true(token_verify(fixture->verifier, text, strlen(good), NOW_MS, &fixture->claims,
                             &fixture->error));
    text[strlen(good)] = '\0';
    assert_false(token_verify(fixture->verifier, text, strlen(good) + 1, NOW_MS, &fixture->claims,
                              &fixture->error));
    free(good);
}

static void a_payload_is_an_object(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } payloads[] = {
        {"", 0},
        {"null", 4},
        {"[]", 2},
        {"\"x\"", 3},
        {"1", 1},
        {"{", 1},
        {"{\"userId\":\"u1\",\"exp\":1795504099", 31},
        {"{\"userId\":\"u1\",\"exp\":1795504099}x", 33},
        {"{\"userId\":\"u1\0x\",\"exp\":1795504099}", 34},
        {"{\"userId\":\"u1\",\"exp\":1795504099,\"email\":\"\xff\"}", 44},
        {"{\"userId\":\"u1\",\"exp\":NaN}", 25},
        {"{\"userId\":\"u1\",\"exp\":Infinity}", 30},
        {"{'userId':'u1','exp':1795504099}", 32},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(payloads); i++) {
        char *token = token_by_hand(HEADER, payloads[i].bytes, payloads[i].length, SECRET);
        if (takes(fixture, token))
            fail_msg("accepted: %s", payloads[i].bytes);
    }
}

static void the_longest_token_is_taken_and_a_longer_one_refused(void **state)
{
    struct fixture *fixture = *state;
    char *claims = malloc(4 * TOKEN_MAX_BYTES);
    bool seen_right = false;
    bool seen_wrong = false;

    assert_non_null(claims);
    for (int filler = TOKEN_MAX_BYTES * 3 / 4 - 200; filler < TOKEN_MAX_BYTES * 3 / 4; filler++) {
        int length = snprintf(claims, 4 * TOKEN_MAX_BYTES,
                              "{\"userId\":\"u1\",\"exp\":1795504099,\"x\":\"%0*d\"}", filler, 0);
        char *token = token_by_hand(HEADER, claims, (size_t)length, SECRET);
        bool fits = strlen(token) <= TOKEN_MAX_BYTES;
        assert_int_equal(takes(fixture, token), fits);
        seen_right = seen_right || fits;
        seen_wrong = seen_wrong || !fits;
    }
    assert_true(seen_right && seen_wrong);
    free(claims);

    size_t huge_length = 10 * 1024 * 1024;
    char *huge = malloc(huge_length);
    assert_non_null(huge);
    memset(huge, 'A', huge_length);
    assert_false(token_verify(fixture->verifier, huge, huge_length, NOW_MS, &fixture->claims,
                              &fixture->error));
    free(huge);
}

/* ---- key files ---- */

static void check_key_refused_for(struct fixture *fixture, const char *content, size_t length,
                                  const char *algorithm, const char *reason)
{
    char expected[200];

    use_key_file(fixture, content, length, algorithm);
    assert_false(make_verifier(fixture));
    snprintf(expected, sizeof(expected), "%s: %s", fixture->key_path, reason);
    assert_string_equal(fixture->error.text, expected);
}

static void check_key_refused(struct fixture *fixture, const char *content, size_t length,
                              const char *reason)
{
    check_key_refused_for(fixture, content, length, "RS256", reason);
}

/* A key that no token could be right with is refused at the start, not token by token. */
static void a_key_for_something_else_is_refused_at_the_start(void **state)
{
    struct fixture *fixture = *state;
    static const char no_p256[] = "is no key on the curve P-256, as ES256 needs it";

    check_key_refused_for(fixture, ec_public_key, strlen(ec_public_key), "RS256",
                          "is no RSA key, as RS256 needs it");
    check_key_refused_for(fixture, rsa_public_key, strlen(rsa_public_key), "ES256", no_p256);
    check_key_refused_for(fixture, p384_public_key, strlen(p384_public_key), "ES256", no_p256);
    check_key_refused_for(fixture, ed25519_public_key, strlen(ed25519_public_key), "ES256",
                          no_p256);
    check_key_refused_for(fixture, rsa_1024_public_key, strlen(rsa_1024_public_key), "RS256",
                          "is an RSA key of fewer than the 2048 bits that RFC 7518 asks for");
}

static void a_bad_key_file_is_told(void **state)
{
    struct fixture *fixture = *state;
    char *large = malloc(100000);
    static const char no_pem[] = "is no public key in PEM form";

    check_key_refused(fixture, "", 0, no_pem);
    check_key_refused(fixture, "secret", 6, no_pem);
    check_key_refused(fixture, "\0-----BEGIN PUBLIC KEY-----", 27, no_pem);
    check_key_refused(fixture, "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n", 57,
                      no_pem);
    check_key_refused(fixture, rsa_public_key, strlen(rsa_public_key) / 2, no_pem);
    check_key_refused(fixture, rsa_private_key, strlen(rsa_private_key),
                      "holds a private key; only the public key belongs here");
    assert_non_null(large);
    memset(large, '-', 100000);
    memcpy(large, rsa_public_key, sizeof(rsa_public_key) - 1);
    check_key_refused(fixture, large, 100000, "has more than 65536 bytes");
    free(large);

    strcpy(fixture->config.auth_jwt_public_key_file, "/nowhere/key.pem");
    assert_false(make_verifier(fixture));
    assert_string_equal(fixture->error.text,
                        "/nowhere/key.pem: cannot be read: No such file or directory");
    strcpy(fixture->config.auth_jwt_public_key_file, "/");
    assert_false(make_verifier(fixture));
    assert_string_equal(fixture->error.text, "/: cannot be read: Is a directory");
    token_verifier_free(NULL);
}

/* ---- several keys ---- */

static void the_previous_secret_is_taken_too(void **state)
{
    struct fixture *fixture = *state;

    assert_false(takes(fixture, token_of_key(NULL, PREVIOUS)));
    strcpy(fixture->config.auth_jwt_secret_previous, PREVIOUS);
    assert_true(make_verifier(fixture));
    assert_true(takes(fixture, token_of_key(NULL, SECRET)));
    assert_true(takes(fixture, token_of_key(NULL, PREVIOUS)));
    assert_true(takes(fixture, token_of_key("any", PREVIOUS)));
    assert_false(takes(fixture, token_of_key(NULL, "another")));
    fixture->config.auth_jwt_secret[0] = '\0';
    assert_true(make_verifier(fixture));
    assert_false(takes(fixture, token_of_key(NULL, SECRET)));
    assert_true(takes(fixture, token_of_key(NULL, PREVIOUS)));
}

/* After a key was changed the sockets that were opened with it are found by its fingerprint. */
static void a_key_is_known_by_its_fingerprint(void **state)
{
    struct fixture *fixture = *state;
    struct token_fingerprint secret;
    struct token_fingerprint rsa;

    use_public_key(fixture, rsa_public_key, "RS256");
    assert_true(takes(fixture, token_of_key(NULL, SECRET)));
    secret = fixture->claims.key;
    assert_true(takes(fixture, token_by_library(good_claims, JWT_ALG_RS256, rsa_private_key)));
    rsa = fixture->claims.key;
    assert_true(token_verifier_has_key(fixture->verifier, &secret));
    assert_true(token_verifier_has_key(fixture->verifier, &rsa));
    assert_memory_not_equal(&secret, &rsa, sizeof(rsa));

    /* The same keys in another form, and one of them on its way out. */
    strcpy(fixture->config.auth_jwt_secret, "quite another");
    strcpy(fixture->config.auth_jwt_secret_previous, SECRET);
    assert_true(use_key_set(fixture, "{\"keys\":[{" RSA_MEMBERS ",\"kid\":\"r\"}]}"));
    assert_true(token_verifier_has_key(fixture->verifier, &secret));
    assert_true(token_verifier_has_key(fixture->verifier, &rsa));

    fixture->config.auth_jwt_secret_previous[0] = '\0';
    assert_true(use_key_set(fixture, "{\"keys\":[{" EC_MEMBERS "}]}"));
    assert_false(token_verifier_has_key(fixture->verifier, &secret));
    assert_false(token_verifier_has_key(fixture->verifier, &rsa));
}

static void a_file_may_have_several_public_keys(void **state)
{
    struct fixture *fixture = *state;
    char pems[2000];

    snprintf(pems, sizeof(pems), "the new one:\n%s\nthe old one:\n%s", other_ec_public_key,
             ec_public_key);
    use_public_key(fixture, pems, "ES256");
    assert_true(takes(fixture, token_by_library(good_claims, JWT_ALG_ES256, ec_private_key)));
    snprintf(pems, sizeof(pems), "%s%s", ec_public_key, rsa_public_key);
    check_key_refused_for(fixture, pems, strlen(pems), "ES256",
                          "is no key on the curve P-256, as ES256 needs it");
}

static void a_key_set_is_taken(void **state)
{
    struct fixture *fixture = *state;

    assert_true(use_key_set(fixture, "{\"keys\":[{" RSA_MEMBERS "},{" EC_MEMBERS
                                     ",\"alg\":\"ES256\",\"use\":\"sig\"},"
                                     "{" OCT_MEMBERS ",\"kid\":\"a\",\"more\":1}]}"));
    assert_true(takes(fixture, token_by_library(good_claims, JWT_ALG_RS256, rsa_private_key)));
    assert_true(takes(fixture, token_by_library(good_claims, JWT_ALG_ES256, ec_private_key)));
    assert_true(takes(fixture, token_of_key(NULL, "abc")));
    assert_true(takes(fixture, token_of_key("a", "abc")));
    assert_false(takes(fixture, token_of_key("b", "abc")));
    assert_true(takes(fixture, token_of_key("b", SECRET)));
    assert_false(takes(fixture, token_by_library(good_claims, JWT_ALG_HS256, ec_public_key)));
}

/* What a provider publishes beside what we use (RFC 7517 section 5). */
static void what_else_a_key_set_holds_is_overlooked(void **state)
{
    static const char *const others[] = {
        "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"",
        "\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"",
        "\"kty\":\"EC\"",
        RSA_MEMBERS ",\"alg\":\"RS512\"",
        RSA_MEMBERS ",\"use\":\"enc\"",
        OCT_MEMBERS ",\"alg\":\"HS512\"",
        OCT_MEMBERS ",\"alg\":7",
    };
    struct fixture *fixture = *state;
    char text[1200];

    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        snprintf(text, sizeof(text), "{\"keys\":[{%s},{" EC_MEMBERS "}]}", others[i]);
        if (!use_key_set(fixture, text))
            fail_msg("%s", fixture->error.text);
        assert_int_equal(takes(fixture, token_of_key(NULL, "abc")), false);
        assert_true(takes(fixture, token_by_library(good_claims, JWT_ALG_ES256, ec_private_key)));
        snprintf(text, sizeof(text), "{\"keys\":[{%s}]}", others[i]);
        assert_false(use_key_set(fixture, text)); /* nothing that we use */
    }
}

static void a_bad_key_set_is_told(void **state)
{
    static const char none[] = "is no set of keys in JSON with one for HS256, RS256 or ES256";
    static const char no_numbers[] = "keys.0: needs n and e, its numbers in base64url";
    static const char no_point[] =
        "keys.0: needs x and y, its coordinates of 32 bytes in base64url";
    static const struct {
        const char *text;
        const char *reason;
    } sets[] = {
        {"", none},
        {"{", none},
        {"[]", none},
        {"{\"keys\":{}}", none},
        {"{\"keys\":[]}", none},
        {"{\"keys\":[{\"kty\":\"oct\",\"kty\":\"oct\"}]}", none},
        {"{\"keys\":[7]}", "keys.0: needs kty, its kind"},
        {"{\"keys\":[null]}", "keys.0: needs kty, its kind"},
        {"{\"keys\":[{" OCT_MEMBERS "},{}]}", "keys.1: needs kty, its kind"},
        {"{\"keys\":[{\"kty\":\"oct\"}]}", "keys.0: needs k, the secret in base64url"},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"\"}]}", "keys.0: needs k, the secret in base64url"},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"a=\"}]}", "keys.0: needs k, the secret in base64url"},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":7}]}", "keys.0: needs k, the secret in base64url"},
        {"{\"keys\":[{" OCT_MEMBERS ",\"kid\":7}]}",
         "keys.0: has a kid that is no text of at most 128 bytes"},
        {"{\"keys\":[{\"kty\":\"RSA\"}]}", no_numbers},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}]}", no_numbers},
        {"{\"keys\":[{" RSA_MEMBERS ",\"d\":\"AQAB\"}]}",
         "keys.0: is a private key; only the public one belongs here"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
         "keys.0: is an RSA key of fewer than the 2048 bits that RFC 7518 asks for"},
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"}]}", no_point},
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}", no_point},
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_X "\"}]}",
         "keys.0: is no public key"}, /* not on the curve */
    };
    struct fixture *fixture = *state;
    char expected[200];

    for (size_t i = 0; i < ARRAY_LENGTH(sets); i++) {
        if (use_key_set(fixture, sets[i].text))
            fail_msg("taken: %s", sets[i].text);
        snprintf(expected, sizeof(expected), "%s: %s", fixture->key_path, sets[i].reason);
        assert_string_equal(fixture->error.text, expected);
    }
}

static void the_number_of_keys_has_a_limit(void **state)
{
    struct fixture *fixture = *state;

    /* The secret is one of them. */
    for (int count = TOKEN_KEYS_MAX - 1; count <= TOKEN_KEYS_MAX; count++) {
        struct buffer text = BUFFER_EMPTY;
        buffer_append_text(&text, "{\"keys\":[");
        for (int i = 0; i < count; i++)
            buffer_append_format(&text, "%s{" OCT_MEMBERS "}", i > 0 ? "," : "");
        buffer_append_text(&text, "]}");
        assert_int_equal(use_key_set(fixture, buffer_text(&text)), count < TOKEN_KEYS_MAX);
        buffer_free(&text);
    }
    assert_string_equal(fixture->error.text, "more than 16 keys in [auth]");
}

static void the_length_of_a_key_s_name_has_a_limit(void **state)
{
    struct fixture *fixture = *state;
    char text[400];

    for (int length = TOKEN_KEY_NAME_BYTES - 2; length <= TOKEN_KEY_NAME_BYTES; length++) {
        snprintf(text, sizeof(text), "{\"keys\":[{" OCT_MEMBERS ",\"kid\":\"%0*d\"}]}", length, 0);
        assert_int_equal(use_key_set(fixture, text), length < TOKEN_KEY_NAME_BYTES);
    }
}

/* The verifier keeps nothing of the configuration. */
static void the_configuration_may_go(void **state)
{
    struct fixture *fixture = *state;

    memset(&fixture->config, 'x', sizeof(fixture->config));
    assert_true(takes_more(fixture, "\"role\":\"salon\""));
    assert_int_equal(fixture->claims.kind, CALLER_SALON);
}

/* ---- signing ---- */

static void what_is_signed_is_accepted(void **state)
{
    struct fixture *fixture = *state;
    char *token = token_sign(&fixture->config, "u \"1\" é", "salon", NOW_MS, 2, &fixture->error);

    assert_non_null(token);
    assert_true(takes(fixture, token));
    assert_string_equal(fixture->claims.user_id, "u \"1\" é");
    assert_string_equal(fixture->claims.role, "salon");
    assert_int_equal(fixture->claims.issued_at_ms, NOW_S * 1000);
    assert_int_equal(fixture->claims.expires_at_ms, (NOW_S + 2) * 1000);

    token = token_sign(&fixture->config, "u1", NULL, NOW_MS, 60, &fixture->error);
    assert_non_null(token);
    assert_true(takes(fixture, token));
    assert_string_equal(fixture->claims.role, "");
    token = token_sign(&fixture->config, "u1", "", NOW_MS, 0, &fixture->error);
    assert_non_null(token);
    assert_false(takes(fixture, token));
}

/* The newest secret signs, and says so where it has a name. */
static void the_newest_secret_signs(void **state)
{
    struct fixture *fixture = *state;
    char *token;

    strcpy(fixture->config.auth_jwt_secret_previous, PREVIOUS);
    token = token_sign(&fixture->config, "u1", NULL, NOW_MS, 60, &fixture->error);
    assert_non_null(token);
    assert_true(takes(fixture, token)); /* the fixture's verifier has that secret alone */

    fixture->config.auth_jwt_secret[0] = '\0';
    assert_null(token_sign(&fixture->config, "u1", NULL, NOW_MS, 60, &fixture->error));
    assert_true(
        use_key_set(fixture, "{\"keys\":[{" OCT_MEMBERS ",\"kid\":\"new\"},{" OCT_MEMBERS "}]}"));
    token = token_sign(&fixture->config, "u1", NULL, NOW_MS, 60, &fixture->error);
    assert_non_null(token);
    struct buffer header = BUFFER_EMPTY;
    static const char json[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"new\"}";
    append_base64url(&header, json, sizeof(json) - 1);
    assert_memory_equal(token, header.data, header.length);
    buffer_free(&header);
    assert_true(takes(fixture, token));
}

static void check_not_signed(struct fixture *fixture, const char *user_id, const char *role)
{
    error_clear(&fixture->error);
    assert_null(token_sign(&fixture->config, user_id, role, NOW_MS, 60, &fixture->error));
    assert_int_equal(fixture->error.kind, ERROR_INVALID);
}

static void without_a_secret_nothing_is_signed(void **state)
{
    struct fixture *fixture = *state;

    check_not_signed(fixture, "", NULL);
    check_not_signed(fixture, "a\nb", NULL);
    check_not_signed(fixture, "\xff", NULL);
    check_not_signed(fixture, "u1", "123456789012345678901234567890123");
    check_not_signed(fixture, "u1", "\xff");
    fixture->config.auth_jwt_secret[0] = '\0';
    check_not_signed(fixture, "u1", NULL);
    assert_non_null(strstr(fixture->error.text, "JWT_SECRET"));
}

/* ---- out of memory ---- */

#if FAILING_MALLOC_WORKS
struct attempt {
    struct fixture *fixture;
    const char *token;
};

/* What cannot be told for want of memory is "try again", never a token refused or taken, nor a
 * claim lost. */
static bool verify_again(void *context)
{
    struct attempt *attempt = context;
    struct fixture *fixture = attempt->fixture;

    error_clear(&fixture->error);
    bool is_valid = token_verify(fixture->verifier, attempt->token, strlen(attempt->token), NOW_MS,
                                 &fixture->claims, &fixture->error);
    if (!is_valid) {
        assert_int_equal(fixture->error.kind, ERROR_UNAVAILABLE);
        return false;
    }
    assert_string_equal(fixture->claims.user_id, "u1");
    assert_string_equal(fixture->claims.role, "salon");
    assert_string_equal(fixture->claims.email, "");
    assert_string_equal(fixture->claims.image, "i");
    assert_int_equal(fixture->claims.issued_at_ms, 1500);
    assert_int_equal(fixture->claims.expires_at_ms, INT64_C(1795504099000));
    return true;
}

static void without_memory_no_token_is_taken(void **state)
{
    static const char claims[] = "{\"userId\":\"u1\",\"role\":\"salon\",\"exp\":1795504099,"
                                 "\"iat\":1.5,\"nbf\":null,\"email\":7,\"image\":\"i\"}";
    char *token = token_by_hand(HEADER, claims, strlen(claims), SECRET);
    struct attempt attempt = {*state, token};

    run_with_failing_malloc(verify_again, &attempt, false);
    free(token);
}

/* A forged token is never taken, whatever fails. */
static bool refuse_again(void *context)
{
    struct attempt *attempt = context;
    struct fixture *fixture = attempt->fixture;

    error_clear(&fixture->error);
    assert_false(token_verify(fixture->verifier, attempt->token, strlen(attempt->token), NOW_MS,
                              &fixture->claims, &fixture->error));
    return fixture->error.kind == ERROR_UNAUTHORIZED;
}

static void without_memory_no_forgery_is_taken(void **state)
{
    static const struct {
        const char *header;
        const char *key;
    } forgeries[] = {
        {HEADER, "another secret"},
        {"{\"alg\":\"none\"}", SECRET},
        {"{\"alg\":\"HS256\",\"crit\":[\"x\"]}", SECRET},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(forgeries); i++) {
        char *token =
            token_by_hand(forgeries[i].header, good_claims, strlen(good_claims), forgeries[i].key);
        struct attempt attempt = {*state, token};
        run_with_failing_malloc(refuse_again, &attempt, false);
        free(token);
    }
}

static bool create_again(void *context)
{
    struct fixture *fixture = context;

    error_clear(&fixture->error);
    struct token_verifier *verifier = token_verifier_create(&fixture->config, &fixture->error);
    /* OpenSSL may take the lack of memory for a file that is no key. */
    if (verifier == NULL)
        assert_true(fixture->error.kind == ERROR_UNAVAILABLE ||
                    fixture->error.kind == ERROR_INVALID);
    token_verifier_free(verifier);
    return verifier != NULL;
}

static void without_memory_no_verifier_is_made(void **state)
{
    struct fixture *fixture = *state;

    use_public_key(fixture, rsa_public_key, "RS256");
    run_with_failing_malloc(create_again, fixture, true); /* OpenSSL may leak */
}
#endif

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(our_hand_and_a_library_sign_alike),
        TEST(all_claims_are_read),
        TEST(what_is_optional_may_be_missing),
        TEST(a_role_makes_the_kind_of_caller),
        TEST(a_token_ends_when_it_says),
        TEST(a_token_has_an_end_unless_configured_otherwise),
        TEST(a_token_begins_when_it_says),
        TEST(the_time_of_issue_is_read),
        TEST(a_user_id_is_a_short_text),
        TEST(a_role_is_a_short_text),
        TEST(optional_claims_of_the_wrong_type_are_absent),
        TEST(long_optional_claims_are_absent),
        TEST(another_secret_is_refused),
        TEST(other_algorithms_are_refused),
        TEST(a_critical_header_is_refused),
        TEST(a_public_key_verifies),
        TEST(another_public_key_is_refused),
        TEST(what_is_no_signature_is_refused),
        TEST(every_bit_of_a_token_of_a_public_key_counts),
        TEST(the_header_says_what_it_must),
        TEST(without_a_key_no_token_is_taken),
        TEST(each_refusal_has_its_reason),
        TEST(refusals_are_logged_once_a_second),
        TEST(every_bit_of_a_token_counts),
        TEST(a_truncated_token_is_refused),
        TEST(garbage_is_refused),
        TEST(a_payload_is_an_object),
        TEST(the_longest_token_is_taken_and_a_longer_one_refused),
        TEST(a_key_for_something_else_is_refused_at_the_start),
        TEST(a_bad_key_file_is_told),
        TEST(the_previous_secret_is_taken_too),
        TEST(a_key_is_known_by_its_fingerprint),
        TEST(a_file_may_have_several_public_keys),
        TEST(a_key_set_is_taken),
        TEST(what_else_a_key_set_holds_is_overlooked),
        TEST(a_bad_key_set_is_told),
        TEST(the_number_of_keys_has_a_limit),
        TEST(the_length_of_a_key_s_name_has_a_limit),
        TEST(the_configuration_may_go),
        TEST(what_is_signed_is_accepted),
        TEST(the_newest_secret_signs),
        TEST(without_a_secret_nothing_is_signed),
#if FAILING_MALLOC_WORKS
        TEST(without_memory_no_token_is_taken),
        TEST(without_memory_no_forgery_is_taken),
        TEST(without_memory_no_verifier_is_made),
#endif
    };

    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
