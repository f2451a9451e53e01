#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/buffer.h"
#include "db/input.h"

/* ---- bodies as text ---- */

static struct json_object *parse(const char *json)
{
    struct error error;

    error_clear(&error);
    struct json_object *body = json_read_members(json, strlen(json), input_members, &error);
    if (body == NULL)
        fail_msg("bad JSON in the test: %s: %s", error.text, json);
    return body;
}

/* The sentences about a message; "" when it is right. */
static const char *message_error(const char *json)
{
    static struct error error;
    struct message_input input;
    struct json_object *body = parse(json);

    memset(&error, 'x', sizeof(error)); /* as on a stack */
    bool is_right = message_input_read(body, &input, &error);
    assert_int_equal(is_right, error.kind == ERROR_NONE);
    assert_int_equal(is_right, error.text[0] == '\0');
    if (!is_right) {
        assert_int_equal(error.kind, ERROR_INVALID);
        assert_true(error.is_list);
    }
    json_object_put(body);
    return error.text;
}

static const char *conversation_error(const char *json, bool is_service)
{
    static struct error error;
    struct conversation_input input;
    struct json_object *body = parse(json);

    memset(&error, 'x', sizeof(error));
    bool is_right =
        conversation_input_read(body, is_service ? CALLER_SERVICE : CALLER_SALON, &input, &error);
    assert_int_equal(is_right, error.kind == ERROR_NONE);
    json_object_put(body);
    return error.text;
}

static const char *change_error(const char *json)
{
    static struct error error;
    struct conversation_change change;
    struct json_object *body = parse(json);

    memset(&error, 'x', sizeof(error));
    bool is_right = conversation_change_read(body, &change, &error);
    assert_int_equal(is_right, error.kind == ERROR_NONE);
    json_object_put(body);
    return error.text;
}

static const char *preferences_error(const char *json)
{
    static struct error error;
    struct preferences_input input;
    struct json_object *body = parse(json);

    memset(&error, 'x', sizeof(error));
    bool is_right = preferences_input_read(body, &input, &error);
    assert_int_equal(is_right, error.kind == ERROR_NONE);
    json_object_put(body);
    return error.text;
}

/* {"<key>":"<count times character>"} with more members behind. */
static const char *body_with_text(const char *key, const char *character, size_t count,
                                  const char *more)
{
    static struct buffer json;

    buffer_free(&json);
    buffer_append_format(&json, "{\"%s\":\"", key);
    for (size_t i = 0; i < count; i++)
        buffer_append_text(&json, character);
    buffer_append_format(&json, "\"%s}", more);
    return buffer_text(&json);
}

/* The sentences about a message with this one attachment, whose values are given as JSON; NULL
 * leaves a member out. */
static const char *attachment_error(const char *name, const char *url, const char *type,
                                    const char *size, const char *more)
{
    static struct buffer json;

    buffer_free(&json);
    buffer_append_text(&json, "{\"attachments\":[{\"x\":0");
    if (name != NULL)
        buffer_append_format(&json, ",\"fileName\":%s", name);
    if (url != NULL)
        buffer_append_format(&json, ",\"fileUrl\":%s", url);
    if (type != NULL)
        buffer_append_format(&json, ",\"fileType\":%s", type);
    if (size != NULL)
        buffer_append_format(&json, ",\"fileSize\":%s", size);
    buffer_append_format(&json, "%s}]}", more);
    return message_error(buffer_text(&json));
}

#define NAME "\"a.png\""
#define URL  "\"https://files.example/f/a.png\""
#define TYPE "\"image/png\""

/* ---- messages ---- */

static void a_message_has_a_content(void **state)
{
    struct json_object *body = parse(
        "{\"content\":\"Bonjour\",\"type\":\"IMAGE\",\"clientMessageId\":\"k1\",\"unknown\":[1],"
        "\"conversationId\":17,\"attachments\":[{\"fileName\":\"a.png\",\"fileUrl\":\"http://x\","
        "\"fileType\":\"image/png\",\"fileSize\":1,\"uploadThingKey\":\"key\"},{\"fileName\":"
        "\"b\",\"fileUrl\":" URL ",\"fileType\":\"image/webp\",\"fileSize\":10485760}]}");
    struct message_input input;
    struct error error;

    (void)state;
    assert_true(message_input_read(body, &input, &error));
    assert_string_equal(input.content, "Bonjour");
    assert_int_equal(input.type, MESSAGE_IMAGE);
    assert_string_equal(input.client_message_id, "k1");
    assert_int_equal(input.attachment_count, 2);
    assert_string_equal(input.attachments[0].file_name, "a.png");
    assert_string_equal(input.attachments[0].file_url, "http://x");
    assert_string_equal(input.attachments[0].file_type, "image/png");
    assert_string_equal(input.attachments[0].upload_key, "key");
    assert_int_equal(input.attachments[0].file_size, 1);
    assert_null(input.attachments[1].upload_key);
    assert_int_equal(input.attachments[1].file_size, ATTACHMENT_SIZE_MAX_BYTES);
    json_object_put(body);
}

static void what_a_message_leaves_out_has_a_default(void **state)
{
    static const char *const bodies[] = {
        "{\"content\":\"x\"}",
        "{\"content\":\"x\",\"type\":null,\"attachments\":null,\"clientMessageId\":null}",
        "{\"content\":\"x\",\"attachments\":[]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        struct json_object *body = parse(bodies[i]);
        struct message_input input;
        struct error error;
        assert_true(message_input_read(body, &input, &error));
        assert_int_equal(input.type, MESSAGE_TEXT);
        assert_int_equal(input.attachment_count, 0);
        assert_null(input.client_message_id);
        json_object_put(body);
    }
}

static void a_content_is_a_text_of_some_length(void **state)
{
    static const char range[] = "content: le texte doit avoir de 1 à 10000 caractères";
    static const char blank[] = "content: le texte ne doit pas être fait que de blancs";

    (void)state;
    assert_string_equal(message_error("{}"), "content: ce champ est obligatoire");
    assert_string_equal(message_error("{\"content\":null}"), "content: ce champ est obligatoire");
    assert_string_equal(message_error("{\"content\":1}"), "content: doit être un texte");
    assert_string_equal(message_error("{\"content\":[]}"), "content: doit être un texte");
    assert_string_equal(message_error("{\"content\":\"\"}"), range);
    assert_string_equal(message_error("{\"content\":\"   \"}"), blank);
    assert_string_equal(message_error("{\"content\":\"\\n\\t\\u00a0\\u200b\\u3000\"}"), blank);
    assert_string_equal(message_error("{\"content\":\" x \"}"), "");
    assert_string_equal(message_error("{\"content\":\"\\u0001\"}"), "");
    assert_string_equal(message_error(body_with_text("content", "é", 10000, "")), "");
    assert_string_equal(message_error(body_with_text("content", "é", 10001, "")), range);
    assert_string_equal(message_error(body_with_text("content", "😀", 10000, "")), "");
    assert_string_equal(message_error(body_with_text("content", "😀", 10001, "")), range);
}

static void beside_an_attachment_the_content_may_be_missing(void **state)
{
    static const char attachment[] = ",\"attachments\":[{\"fileName\":" NAME ",\"fileUrl\":" URL
                                     ",\"fileType\":" TYPE ",\"fileSize\":1}]";
    struct json_object *body = parse("{\"attachments\":[{\"fileName\":" NAME ",\"fileUrl\":" URL
                                     ",\"fileType\":" TYPE ",\"fileSize\":1}]}");
    struct message_input input;
    struct error error;

    (void)state;
    assert_true(message_input_read(body, &input, &error));
    assert_string_equal(input.content, "");
    json_object_put(body);

    assert_string_equal(message_error(body_with_text("content", "", 0, attachment)), "");
    assert_string_equal(message_error(body_with_text("content", "x", 10000, attachment)), "");
    assert_string_equal(message_error(body_with_text("content", "x", 10001, attachment)),
                        "content: le texte doit avoir de 0 à 10000 caractères");
    assert_string_equal(message_error(body_with_text("content", " ", 1, attachment)),
                        "content: le texte ne doit pas être fait que de blancs");
    /* An empty list is no attachment. */
    assert_string_equal(message_error("{\"content\":\"\",\"attachments\":[]}"),
                        "content: le texte doit avoir de 1 à 10000 caractères");
}

static void a_type_is_one_of_its_words(void **state)
{
    static const char wrong[] = "type: le type doit être TEXT, IMAGE ou FILE";

    (void)state;
    assert_string_equal(message_error("{\"content\":\"x\",\"type\":\"TEXT\"}"), "");
    assert_string_equal(message_error("{\"content\":\"x\",\"type\":\"IMAGE\"}"), "");
    assert_string_equal(message_error("{\"content\":\"x\",\"type\":\"FILE\"}"), "");
    assert_string_equal(message_error("{\"content\":\"x\",\"type\":\"SYSTEM\"}"), wrong);
    assert_string_equal(message_error("{\"content\":\"x\",\"type\":\"text\"}"), wrong);
    assert_string_equal(message_error("{\"content\":\"x\",\"type\":\"\"}"), wrong);
    assert_string_equal(message_error("{\"content\":\"x\",\"type\":0}"),
                        "type: doit être un texte");
}

static void a_client_message_id_is_a_short_text(void **state)
{
    static const char wrong[] = "clientMessageId: l'identifiant doit avoir de 1 à 64 octets";
    static const char more[] = ",\"content\":\"x\"";

    (void)state;
    assert_string_equal(message_error(body_with_text("clientMessageId", "k", 1, more)), "");
    assert_string_equal(message_error(body_with_text("clientMessageId", "k", 64, more)), "");
    assert_string_equal(message_error(body_with_text("clientMessageId", "é", 32, more)), "");
    assert_string_equal(message_error(body_with_text("clientMessageId", "k", 0, more)), wrong);
    assert_string_equal(message_error(body_with_text("clientMessageId", "k", 65, more)), wrong);
    assert_string_equal(message_error(body_with_text("clientMessageId", "é", 33, more)), wrong);
    assert_string_equal(message_error("{\"content\":\"x\",\"clientMessageId\":7}"),
                        "clientMessageId: doit être un texte");
}

static void a_body_is_an_object(void **state)
{
    static const char *const bodies[] = {"[]", "[{\"content\":\"x\"}]", "\"x\"", "1", "true"};
    static const char wrong[] = "body: doit être un objet JSON";
    struct message_input input;
    struct error error;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        assert_string_equal(message_error(bodies[i]), wrong);
        assert_string_equal(conversation_error(bodies[i], true), wrong);
        assert_string_equal(change_error(bodies[i]), wrong);
    }
    assert_false(message_input_read(NULL, &input, &error));
    assert_string_equal(error.text, wrong);
}

/* ---- attachments ---- */

static void attachments_are_a_short_list_of_objects(void **state)
{
    struct buffer json = BUFFER_EMPTY;

    (void)state;
    assert_string_equal(message_error("{\"content\":\"x\",\"attachments\":{}}"),
                        "attachments: doit être un tableau");
    assert_string_equal(message_error("{\"content\":\"x\",\"attachments\":\"a\"}"),
                        "attachments: doit être un tableau");
    assert_string_equal(message_error("{\"content\":\"x\",\"attachments\":[null,1]}"),
                        "attachments.0: doit être un objet\nattachments.1: doit être un objet");
    for (int count = 1; count <= 8; count++) {
        buffer_clear(&json);
        buffer_append_text(&json, "{\"attachments\":[");
        for (int i = 0; i < count; i++)
            buffer_append_format(&json,
                                 "%s{\"fileName\":" NAME ",\"fileUrl\":" URL ",\"fileType\":" TYPE
                                 ",\"fileSize\":1}",
                                 i > 0 ? "," : "");
        buffer_append_text(&json, "]}");
        assert_string_equal(message_error(buffer_text(&json)),
                            count <= ATTACHMENTS_MAX ? ""
                                                     : "attachments: 5 pièces jointes au plus");
    }
    buffer_free(&json);
}

static void every_field_of_an_attachment_is_asked_for(void **state)
{
    (void)state;
    assert_string_equal(
        attachment_error(NULL, NULL, NULL, NULL, ""),
        "attachments.0.fileName: ce champ est obligatoire\n"
        "attachments.0.fileUrl: ce champ est obligatoire\n"
        "attachments.0.fileType: ce champ est obligatoire\n"
        "attachments.0.fileSize: la taille doit être un nombre entier de 1 à 10485760 octets");
    assert_string_equal(
        attachment_error("1", "{}", "[]", "\"12\"", ",\"uploadThingKey\":true"),
        "attachments.0.fileName: doit être un texte\n"
        "attachments.0.fileUrl: doit être un texte\n"
        "attachments.0.fileType: doit être un texte\n"
        "attachments.0.fileSize: la taille doit être un nombre entier de 1 à 10485760 octets\n"
        "attachments.0.uploadThingKey: doit être un texte");
}

static const char *attachment_with_name(size_t count)
{
    char name[3000] = "\"";

    for (size_t i = 0; i < count; i++)
        strcat(name, "é");
    strcat(name, "\"");
    return attachment_error(name, URL, TYPE, "1", "");
}

static void a_file_has_a_name(void **state)
{
    static const char wrong[] = "attachments.0.fileName: le texte doit avoir de 1 à 255 caractères";

    (void)state;
    assert_string_equal(attachment_with_name(0), wrong);
    assert_string_equal(attachment_with_name(1), "");
    assert_string_equal(attachment_with_name(255), "");
    assert_string_equal(attachment_with_name(256), wrong);
}

static void a_file_has_a_type(void **state)
{
    static const char wrong[] =
        "attachments.0.fileType: le type doit être image/jpeg, image/jpg, image/png, image/gif ou "
        "image/webp";
    static const char *const right_types[] = {"\"image/jpeg\"", "\"image/jpg\"", "\"image/png\"",
                                              "\"image/gif\"", "\"image/webp\""};
    static const char *const wrong_types[] = {
        "\"\"",          "\"image/svg+xml\"", "\"image/\"", "\"text/html\"",
        "\"image/PNG\"", "\"image/png \"",    "\"png\"",    "\"image/png;x=1\""};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(right_types); i++)
        assert_string_equal(attachment_error(NAME, URL, right_types[i], "1", ""), "");
    for (size_t i = 0; i < ARRAY_LENGTH(wrong_types); i++)
        assert_string_equal(attachment_error(NAME, URL, wrong_types[i], "1", ""), wrong);
}

static void a_file_has_a_size(void **state)
{
    static const char *const right_sizes[] = {"1", "10485760", "1.0", "1e3"};
    static const char *const wrong_sizes[] = {
        "0",
        "-1",
        "10485761",
        "1.5",
        "1e400",
        "99999999999999999999",
        "-99999999999999999999",
        "null",
        "\"1\"",
        "true",
        "[1]",
        "{}",
        "4294967297",
        "18446744073709551617",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(right_sizes); i++)
        assert_string_equal(attachment_error(NAME, URL, TYPE, right_sizes[i], ""), "");
    for (size_t i = 0; i < ARRAY_LENGTH(wrong_sizes); i++)
        assert_string_equal(
            attachment_error(NAME, URL, TYPE, wrong_sizes[i], ""),
            "attachments.0.fileSize: la taille doit être un nombre entier de 1 à 10485760 octets");
}

static void an_upload_key_is_a_short_text(void **state)
{
    char more[400];

    (void)state;
    for (int length = 254; length <= 256; length++) {
        snprintf(more, sizeof(more), ",\"uploadThingKey\":\"%0*d\"", length, 0);
        assert_string_equal(attachment_error(NAME, URL, TYPE, "1", more),
                            length <= ATTACHMENT_KEY_MAX_BYTES
                                ? ""
                                : "attachments.0.uploadThingKey: la clé doit avoir 255 octets au "
                                  "plus");
    }
    assert_string_equal(attachment_error(NAME, URL, TYPE, "1", ",\"uploadThingKey\":\"\""), "");
    assert_string_equal(attachment_error(NAME, URL, TYPE, "1", ",\"uploadThingKey\":null"), "");
}

static void a_right_url_is_taken(void **state)
{
    static const char *const urls[] = {
        "\"http://x\"",
        "\"https://x\"",
        "\"HTTPS://X.Example\"",
        "\"https://files.example/f/a.png?x=1&y=%20#z\"",
        "\"https://files.example:8443/\"",
        "\"https://files.example:/\"",
        "\"http://127.0.0.1:3000/a\"",
        "\"http://localhost/a\"",
        "\"http://[::1]/a\"",
        "\"http://[2001:db8::1]:80/a\"",
        "\"https://files.example?x\"",
        "\"https://files.example#x\"",
        "\"https://été.example/é.png\"",
        "\"https://a_b-c.example/a@b:c\"",
        "\"https://x/a{b}|c^d\"",
        "\"https:\\/\\/x\\/y\"",
        "\"https://x/❤\xef\xb8\x8f.png\"",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(urls); i++) {
        if (attachment_error(NAME, urls[i], TYPE, "1", "")[0] != '\0')
            fail_msg("refused: %s", urls[i]);
    }
}

static void a_wrong_url_is_refused(void **state)
{
    static const char wrong[] =
        "attachments.0.fileUrl: l'adresse doit être une URL http(s) avec un hôte, de 2048 octets "
        "au plus";
    static const char *const urls[] = {
        "\"\"",
        "\"x\"",
        "\"/a.png\"",
        "\"//x/a.png\"",
        "\"javascript:alert(1)\"",
        "\"JavaScript:alert(1)\"",
        "\"javascript://x/%0aalert(1)\"",
        "\" javascript:alert(1)\"",
        "\"data:image/png;base64,AAAA\"",
        "\"ftp://x/a.png\"",
        "\"file:///etc/passwd\"",
        "\"blob:https://x/1\"",
        "\"vbscript:x\"",
        "\"ws://x\"",
        "\"http:x\"",
        "\"http:/x\"",
        "\"http://\"",
        "\"http:///a.png\"",
        "\"http://?x\"",
        "\"http://#x\"",
        "\"http://:80/\"",
        "\"https\"",
        "\"https:\"",
        "\"https//x\"",
        "\"http://x:99999/\"",
        "\"http://x:80a/\"",
        "\"http://x:-1/\"",
        "\"http://x:80:80/\"",
        "\"http://[]/\"",
        "\"http://[::1/\"",
        "\"http://[x]/\"",
        "\"http://[::1]x/\"",
        "\"http://x y/\"",
        "\" http://x\"",
        "\"http://x \"",
        "\"http://x/a b\"",
        "\"http://x/a\\nb\"",
        "\"http://x/a\\tb\"",
        "\"http://x/\\u0001\"",
        "\"http://x/\\u007f\"",
        "\"http://x/\\u0085\"",
        "\"http://x/\\u00a0\"",
        "\"http://x/\\u2028\"",
        "\"http://x\\\\@y\"",
        "\"http:\\\\\\\\x\"",
        "\"http://x/a\\\\b\"",
        "\"http://user@x/\"",
        "\"http://user:password@x/\"",
        "\"http://x/\\\"><script>\"",
        "\"http://x/<b>\"",
        "\"http://x%00/\"",
        "\"http://x(y)/\"",
        "\"http://x,y/\"",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(urls); i++) {
        const char *sentence = attachment_error(NAME, urls[i], TYPE, "1", "");
        if (strcmp(sentence, wrong) != 0)
            fail_msg("accepted: %s (%s)", urls[i], sentence);
    }
}

static void a_url_has_a_longest(void **state)
{
    char url[ATTACHMENT_URL_MAX_BYTES + 100];

    (void)state;
    for (int length = ATTACHMENT_URL_MAX_BYTES - 1; length <= ATTACHMENT_URL_MAX_BYTES + 1;
         length++) {
        snprintf(url, sizeof(url), "\"https://x/%0*d\"", length - 10, 0);
        const char *sentence = attachment_error(NAME, url, TYPE, "1", "");
        assert_int_equal(sentence[0] == '\0', length <= ATTACHMENT_URL_MAX_BYTES);
    }
}

static void all_broken_rules_are_told(void **state)
{
    (void)state;
    assert_string_equal(
        message_error("{\"content\":7,\"type\":\"SYSTEM\",\"clientMessageId\":\"\","
                      "\"attachments\":[{\"fileName\":\"\",\"fileUrl\":\"javascript:x\","
                      "\"fileType\":\"x\",\"fileSize\":0},7]}"),
        "attachments.0.fileName: le texte doit avoir de 1 à 255 caractères\n"
        "attachments.0.fileUrl: l'adresse doit être une URL http(s) avec un hôte, de 2048 octets "
        "au plus\n"
        "attachments.0.fileType: le type doit être image/jpeg, image/jpg, image/png, image/gif ou "
        "image/webp\n"
        "attachments.0.fileSize: la taille doit être un nombre entier de 1 à 10485760 octets\n"
        "attachments.1: doit être un objet\n"
        "content: doit être un texte\n"
        "type: le type doit être TEXT, IMAGE ou FILE\n"
        "clientMessageId: l'identifiant doit avoir de 1 à 64 octets");
}

/* ---- conversations ---- */

static void a_conversation_names_its_people(void **state)
{
    struct json_object *body =
        parse("{\"clientUserId\":\"c1\",\"salonId\":\"s1\",\"appointmentId\":\"a1\","
              "\"subject\":\"RDV\",\"firstMessage\":\"Bonjour\",\"other\":1}");
    struct conversation_input input;
    struct error error;

    (void)state;
    assert_true(conversation_input_read(body, CALLER_SERVICE, &input, &error));
    assert_string_equal(input.client_user_id, "c1");
    assert_string_equal(input.salon_id, "s1");
    assert_string_equal(input.appointment_id, "a1");
    assert_string_equal(input.subject, "RDV");
    assert_string_equal(input.first_message, "Bonjour");
    assert_true(conversation_input_read(body, CALLER_SALON, &input, &error));
    assert_null(input.salon_id);
    json_object_put(body);

    body = parse("{\"clientUserId\":\"c1\",\"appointmentId\":null,\"subject\":null,"
                 "\"firstMessage\":null,\"salonId\":7}");
    assert_true(conversation_input_read(body, CALLER_SALON, &input, &error));
    assert_null(input.appointment_id);
    assert_null(input.subject);
    assert_null(input.first_message);
    json_object_put(body);
}

static void a_client_names_the_salon_and_says_nothing_for_it(void **state)
{
    struct json_object *body = parse("{\"salonId\":\"s1\",\"clientUserId\":7}");
    struct conversation_input input;
    struct error error;

    (void)state;
    assert_true(conversation_input_read(body, CALLER_CLIENT, &input, &error));
    assert_string_equal(input.salon_id, "s1");
    assert_null(input.client_user_id);
    json_object_put(body);

    body = parse("{\"firstMessage\":\"Offert\"}");
    assert_false(conversation_input_read(body, CALLER_CLIENT, &input, &error));
    assert_string_equal(error.text, "salonId: ce champ est obligatoire\n"
                                    "firstMessage: le premier texte est celui du salon");
    json_object_put(body);
}

static void the_ids_of_a_conversation_are_short_texts(void **state)
{
    static const char wrong[] =
        ": l'identifiant doit avoir de 1 à 64 octets, sans caractère de contrôle";
    static const char *const keys[] = {"clientUserId", "salonId", "appointmentId"};
    static const char *const others[] = {",\"salonId\":\"s\",\"appointmentId\":\"a\"",
                                         ",\"clientUserId\":\"c\",\"appointmentId\":\"a\"",
                                         ",\"clientUserId\":\"c\",\"salonId\":\"s\""};
    static const char *const values[] = {"", "a\\nb", "\\u0001", "a\\u007f"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        char expected[200];
        snprintf(expected, sizeof(expected), "%s%s", keys[i], wrong);
        for (size_t value = 0; value < ARRAY_LENGTH(values); value++)
            assert_string_equal(
                conversation_error(body_with_text(keys[i], values[value], 1, others[i]), true),
                expected);
        assert_string_equal(conversation_error(body_with_text(keys[i], "x", 64, others[i]), true),
                            "");
        assert_string_equal(conversation_error(body_with_text(keys[i], "x", 65, others[i]), true),
                            expected);
    }
}

static void what_a_conversation_needs_is_asked_for(void **state)
{
    (void)state;
    assert_string_equal(conversation_error("{}", false), "clientUserId: ce champ est obligatoire");
    assert_string_equal(conversation_error("{}", true),
                        "clientUserId: ce champ est obligatoire\nsalonId: ce champ est "
                        "obligatoire");
    assert_string_equal(conversation_error("{\"clientUserId\":7,\"salonId\":[]}", true),
                        "clientUserId: doit être un texte\nsalonId: doit être un texte");
}

static void a_subject_is_a_text_of_some_length(void **state)
{
    static const char range[] = "subject: le texte doit avoir de 3 à 200 caractères";
    static const char more[] = ",\"clientUserId\":\"c\"";

    (void)state;
    for (size_t length = 0; length <= 201; length++) {
        const char *json = body_with_text("subject", "é", length, more);
        const char *expected = length >= 3 && length <= 200 ? "" : range;
        assert_string_equal(conversation_error(json, false), expected);
        assert_string_equal(change_error(json), expected);
    }
    assert_string_equal(change_error("{\"subject\":\"   \"}"),
                        "subject: le texte ne doit pas être fait que de blancs");
    assert_string_equal(change_error("{\"subject\":1}"), "subject: doit être un texte");
}

static void a_first_message_is_a_message(void **state)
{
    static const char range[] = "firstMessage: le texte doit avoir de 1 à 10000 caractères";
    static const char more[] = ",\"clientUserId\":\"c\"";

    (void)state;
    assert_string_equal(conversation_error(body_with_text("firstMessage", "x", 0, more), false),
                        range);
    assert_string_equal(conversation_error(body_with_text("firstMessage", "x", 1, more), false),
                        "");
    assert_string_equal(conversation_error(body_with_text("firstMessage", "é", 10000, more), false),
                        "");
    assert_string_equal(conversation_error(body_with_text("firstMessage", "é", 10001, more), false),
                        range);
    assert_string_equal(conversation_error(body_with_text("firstMessage", " ", 9, more), false),
                        "firstMessage: le texte ne doit pas être fait que de blancs");
}

static void null_is_no_preference(void **state)
{
    static const char not_boolean[] = "emailNotificationsEnabled: doit être true ou false";
    static const char no_frequency[] =
        "emailFrequency: doit être IMMEDIATE, HOURLY, DAILY ou NEVER";
    struct json_object *body =
        parse("{\"emailNotificationsEnabled\":false,\"emailFrequency\":\"HOURLY\"}");
    struct preferences_input input;
    struct error error;

    (void)state;
    assert_true(preferences_input_read(body, &input, &error));
    assert_true(input.has_emails_enabled && !input.emails_enabled);
    assert_true(input.has_frequency && input.frequency == EMAIL_HOURLY);
    json_object_put(body);
    body = parse("{}");
    assert_true(preferences_input_read(body, &input, &error));
    assert_false(input.has_emails_enabled || input.has_frequency);
    json_object_put(body);
    assert_string_equal(preferences_error("{\"emailNotificationsEnabled\":null}"), not_boolean);
    assert_string_equal(preferences_error("{\"emailNotificationsEnabled\":\"true\"}"), not_boolean);
    assert_string_equal(preferences_error("{\"emailFrequency\":null}"), no_frequency);
    assert_string_equal(preferences_error("{\"emailFrequency\":\"WEEKLY\"}"), no_frequency);
    assert_string_equal(preferences_error("{\"emailFrequency\":3}"), no_frequency);
    assert_string_equal(preferences_error("[]"), "body: doit être un objet JSON");
}

static void a_change_may_name_subject_and_status(void **state)
{
    struct json_object *body = parse("{\"subject\":\"RDV\",\"status\":\"ARCHIVED\"}");
    struct conversation_change change;
    struct error error;

    (void)state;
    assert_true(conversation_change_read(body, &change, &error));
    assert_string_equal(change.subject, "RDV");
    assert_true(change.has_status);
    assert_int_equal(change.status, CONVERSATION_ARCHIVED);
    json_object_put(body);

    body = parse("{\"subject\":null,\"status\":null}");
    assert_true(conversation_change_read(body, &change, &error));
    assert_string_equal(change.subject, "");
    assert_false(change.has_status);
    json_object_put(body);

    body = parse("{}");
    assert_true(conversation_change_read(body, &change, &error));
    assert_null(change.subject);
    json_object_put(body);

    assert_string_equal(change_error("{}"), "");
    assert_string_equal(change_error("{\"status\":\"ACTIVE\"}"), "");
    assert_string_equal(change_error("{\"status\":\"active\"}"),
                        "status: le statut doit être ACTIVE ou ARCHIVED");
    assert_string_equal(change_error("{\"status\":\"\"}"),
                        "status: le statut doit être ACTIVE ou ARCHIVED");
    assert_string_equal(change_error("{\"status\":true}"), "status: doit être un texte");
}

static void types_and_statuses_have_names(void **state)
{
    enum conversation_status status = CONVERSATION_ARCHIVED;

    (void)state;
    assert_string_equal(message_type_name(MESSAGE_TEXT), "TEXT");
    assert_string_equal(message_type_name(MESSAGE_SYSTEM), "SYSTEM");
    assert_string_equal(conversation_status_name(CONVERSATION_ARCHIVED), "ARCHIVED");
    assert_false(conversation_status_parse("ACTIVE ", &status));
    assert_int_equal(status, CONVERSATION_ARCHIVED);
    assert_true(conversation_status_parse("ACTIVE", &status));
    assert_int_equal(status, CONVERSATION_ACTIVE);
}

/* ---- query values ---- */

static void a_number_in_a_query_is_in_its_range(void **state)
{
    static const char *const wrong[] = {
        "",    "0",   "-1", "+1", " 1",  "1 ",  "1.0", "1e1", "abc", "1a",
        "0x1", "101", "٣",  "00", "\t1", "999", "1\n", "%31", "1,0", "99999999999999999999999999"};
    struct error error;
    int64_t number = 0;

    (void)state;
    error_clear(&error);
    assert_true(query_number_read("limit", NULL, 20, PAGE_LIMIT_MAX, &number, &error));
    assert_int_equal(number, 20);
    assert_true(query_number_read("limit", "1", 20, PAGE_LIMIT_MAX, &number, &error));
    assert_int_equal(number, 1);
    assert_true(query_number_read("limit", "100", 20, PAGE_LIMIT_MAX, &number, &error));
    assert_int_equal(number, 100);
    assert_true(query_number_read("before", "9223372036854775807", 0, INT64_MAX, &number, &error));
    assert_true(number == INT64_MAX);
    assert_int_equal(error.kind, ERROR_NONE);
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        error_clear(&error);
        assert_false(query_number_read("limit", wrong[i], 20, PAGE_LIMIT_MAX, &number, &error));
        assert_string_equal(error.text, "limit: doit être un nombre entier de 1 à 100");
    }
    assert_false(query_number_read("before", "9223372036854775808", 0, INT64_MAX, &number, &error));
    assert_string_equal(error.text, "limit: doit être un nombre entier de 1 à 100\n"
                                    "before: doit être un nombre entier de 1 à "
                                    "9223372036854775807");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_a_content),
        cmocka_unit_test(what_a_message_leaves_out_has_a_default),
        cmocka_unit_test(a_content_is_a_text_of_some_length),
        cmocka_unit_test(beside_an_attachment_the_content_may_be_missing),
        cmocka_unit_test(a_type_is_one_of_its_words),
        cmocka_unit_test(a_client_message_id_is_a_short_text),
        cmocka_unit_test(a_body_is_an_object),
        cmocka_unit_test(attachments_are_a_short_list_of_objects),
        cmocka_unit_test(every_field_of_an_attachment_is_asked_for),
        cmocka_unit_test(a_file_has_a_name),
        cmocka_unit_test(a_file_has_a_type),
        cmocka_unit_test(a_file_has_a_size),
        cmocka_unit_test(an_upload_key_is_a_short_text),
        cmocka_unit_test(a_right_url_is_taken),
        cmocka_unit_test(a_wrong_url_is_refused),
        cmocka_unit_test(a_url_has_a_longest),
        cmocka_unit_test(all_broken_rules_are_told),
        cmocka_unit_test(a_conversation_names_its_people),
        cmocka_unit_test(a_client_names_the_salon_and_says_nothing_for_it),
        cmocka_unit_test(the_ids_of_a_conversation_are_short_texts),
        cmocka_unit_test(what_a_conversation_needs_is_asked_for),
        cmocka_unit_test(a_subject_is_a_text_of_some_length),
        cmocka_unit_test(a_first_message_is_a_message),
        cmocka_unit_test(null_is_no_preference),
        cmocka_unit_test(a_change_may_name_subject_and_status),
        cmocka_unit_test(types_and_statuses_have_names),
        cmocka_unit_test(a_number_in_a_query_is_in_its_range),
    };

    return cmocka_run_group_tests_name("validation", tests, NULL, NULL);
}
