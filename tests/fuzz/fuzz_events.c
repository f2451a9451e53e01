/*
 * The payloads of the seven events that clients send (docs/protocol.md, "What a client sends"), as
 * the broker reads them. The first byte chooses the event, the rest is its payload as JSON. What is
 * let through keeps the rules, which are written a second time here; what is not has a sentence to
 * tell why.
 */
#include <string.h>
#include <strings.h>

#include "common/error.h"
#include "common/id.h"
#include "common/json_reader.h"
#include "common/utf8.h"
#include "db/input.h"
#include "tests/fuzz/fuzz.h"

struct event {
    const char *name;
    const char *id_key;
    bool has_message;
};

static const struct event events[] = {
    {"join-conversation", "conversationId", false},
    {"leave-conversation", "conversationId", false},
    {"send-message", "conversationId", true},
    {"mark-as-read", "messageId", false},
    {"mark-conversation-as-read", "conversationId", false},
    {"user-typing", "conversationId", false},
    {"user-stopped-typing", "conversationId", false},
};

static void check_text(const char *text, size_t minimum, size_t maximum)
{
    size_t length = strlen(text);

    FUZZ_CHECK(utf8_is_valid(text, length));
    FUZZ_CHECK(utf8_count(text) >= minimum && utf8_count(text) <= maximum);
}

static void check_refusal(const struct error *error)
{
    size_t length = strnlen(error->text, sizeof(error->text));

    FUZZ_CHECK(error->kind == ERROR_INVALID || error->kind == ERROR_TOO_LARGE);
    FUZZ_CHECK(length > 0 && length < sizeof(error->text));
    FUZZ_CHECK(utf8_is_valid(error->text, length));
}

static void check_id(struct json_object *payload, const char *key)
{
    struct error error;
    const char *id;

    error_clear(&error);
    if (!id_input_read(payload, key, &id, &error)) {
        check_refusal(&error);
        return;
    }
    FUZZ_CHECK(error.kind == ERROR_NONE);
    check_text(id, 1, FOREIGN_ID_MAX_BYTES);
    FUZZ_CHECK(strlen(id) <= FOREIGN_ID_MAX_BYTES && strcspn(id, "\n\r\t\x7f") == strlen(id));
    FUZZ_CHECK(id == json_text(json_get(payload, key)));
}

static void check_attachment(const struct attachment_input *attachment)
{
    check_text(attachment->file_name, 1, ATTACHMENT_NAME_MAX_CHARACTERS);
    check_text(attachment->file_url, strlen("http://h"), ATTACHMENT_URL_MAX_BYTES);
    FUZZ_CHECK(strncasecmp(attachment->file_url, "http://", 7) == 0 ||
               strncasecmp(attachment->file_url, "https://", 8) == 0);
    FUZZ_CHECK(strcspn(attachment->file_url, " \n\"<>\\") == strlen(attachment->file_url));
    FUZZ_CHECK(strncmp(attachment->file_type, "image/", 6) == 0);
    FUZZ_CHECK(attachment->file_size >= 1 && attachment->file_size <= ATTACHMENT_SIZE_MAX_BYTES);
    if (attachment->upload_key != NULL)
        check_text(attachment->upload_key, 1, ATTACHMENT_KEY_MAX_BYTES);
}

static void check_message(struct json_object *payload)
{
    struct message_input message;
    struct error error;

    if (!message_input_read(payload, &message, &error)) {
        check_refusal(&error);
        return;
    }
    FUZZ_CHECK(message.type != MESSAGE_SYSTEM);
    FUZZ_CHECK(message.attachment_count <= ATTACHMENTS_MAX);
    check_text(message.content, message.attachment_count == 0 ? 1 : 0,
               MESSAGE_CONTENT_MAX_CHARACTERS);
    FUZZ_CHECK(message.content[0] == '\0' || !utf8_is_blank(message.content));
    if (message.client_message_id != NULL)
        check_text(message.client_message_id, 1, CLIENT_MESSAGE_ID_MAX_BYTES);
    for (size_t i = 0; i < message.attachment_count; i++)
        check_attachment(&message.attachments[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;

    if (size < 1)
        return 0;
    const struct event *event = &events[data[0] % (sizeof(events) / sizeof(events[0]))];
    error_clear(&error);
    struct json_object *payload =
        json_read_members((const char *)data + 1, size - 1, input_members, &error);
    if (payload == NULL) {
        check_refusal(&error);
        return 0;
    }
    check_id(payload, event->id_key);
    if (event->has_message)
        check_message(payload);
    json_object_put(payload);
    return 0;
}
