#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/event.h"

static void an_audience_is_a_room_or_a_user(void **state)
{
    char audience[EVENT_AUDIENCE_BYTES];
    char longest[FOREIGN_ID_MAX_BYTES + 1];

    (void)state;
    event_audience_room("0192-c", audience);
    assert_string_equal(audience, "c:0192-c");
    event_audience_user("u1", audience);
    assert_string_equal(audience, "u:u1");
    memset(longest, 'x', sizeof(longest));
    longest[FOREIGN_ID_MAX_BYTES] = '\0';
    event_audience_user(longest, audience);
    assert_int_equal(strlen(audience), 2 + FOREIGN_ID_MAX_BYTES);
    assert_string_equal(audience + 2, longest);
}

static void check_round_trip(const struct event *event)
{
    struct buffer bytes = BUFFER_EMPTY;
    struct event copy;

    event_encode(event, &bytes);
    assert_false(bytes.failed);
    assert_true(event_decode(bytes.data, bytes.length, &copy));
    assert_int_equal(copy.seq, event->seq);
    assert_string_equal(copy.audience, event->audience);
    assert_string_equal(copy.name, event->name);
    assert_int_equal(copy.payload_length, event->payload_length);
    assert_memory_equal(copy.payload, event->payload, event->payload_length);
    buffer_free(&bytes);
}

static void what_was_encoded_is_decoded(void **state)
{
    static const char payload[] = "{\"a\":\"\\n\",\n\"b\":1}";

    (void)state;
    check_round_trip(&(struct event){1, "c:x", "new-message", payload, strlen(payload)});
    check_round_trip(&(struct event){INT64_MAX, "u:é", "n", payload, strlen(payload)});
    check_round_trip(&(struct event){7, "u: ", "blanked", "", 0});
}

static void the_bytes_on_the_bus_are_these(void **state)
{
    struct buffer bytes = BUFFER_EMPTY;

    (void)state;
    event_encode(&(struct event){42, "c:id", "message-read", "{}", 2}, &bytes);
    assert_string_equal(buffer_text(&bytes), "42\nc:id\nmessage-read\n{}");
    buffer_free(&bytes);
}

/* Decodes a copy that ends where its memory ends, so that a sanitizer sees one byte too far. */
static bool decodes(const char *bytes, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);
    struct event event;

    assert_non_null(copy);
    memcpy(copy, bytes, length);
    bool is_event = event_decode(copy, length, &event);
    free(copy);
    return is_event;
}

static void what_is_no_event_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "1",
        "1\n",
        "1\nc:x",
        "1\nc:x\n",
        "1\nc:x\nname",
        "\nc:x\nname\n{}",
        "0\nc:x\nname\n{}",
        "-1\nc:x\nname\n{}",
        "+1\nc:x\nname\n{}",
        "01\nc:x\nname\n{}",
        " 1\nc:x\nname\n{}",
        "1 \nc:x\nname\n{}",
        "1x\nc:x\nname\n{}",
        "0x1\nc:x\nname\n{}",
        "9223372036854775808\nc:x\nname\n{}",
        "99999999999999999999999\nc:x\nname\n{}",
        "1\n\nname\n{}",
        "1\nc:\nname\n{}",
        "1\nx:x\nname\n{}",
        "1\nc;x\nname\n{}",
        "1\nc\nname\n{}",
        "1\nc:x\n\n{}",
    };

    (void)state;
    assert_true(decodes("1\nc:x\nname\n{}", 13));
    assert_true(decodes("9223372036854775807\nc:x\nname\n{}", 31));
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        if (decodes(texts[i], strlen(texts[i])))
            fail_msg("accepted: %s", texts[i]);
    }
}

static void a_nul_in_a_line_is_refused(void **state)
{
    static const char bytes[] = "12\nc:xy\nname\n{}";

    (void)state;
    for (size_t at = 0; at < 12; at++) {
        char copy[sizeof(bytes)];
        memcpy(copy, bytes, sizeof(bytes));
        copy[at] = '\0';
        assert_false(decodes(copy, sizeof(bytes) - 1));
    }
}

static void the_longest_audience_fits(void **state)
{
    char bytes[200];
    size_t longest = EVENT_AUDIENCE_BYTES - 1;

    (void)state;
    for (size_t length = longest - 1; length <= longest + 1; length++) {
        snprintf(bytes, sizeof(bytes), "1\nu:%0*d\nn\n", (int)length - 2, 0);
        assert_int_equal(decodes(bytes, strlen(bytes)), length <= longest);
    }
}

static void a_copy_has_texts_of_its_own(void **state)
{
    static const char payload[] = "{\"a\":1}, and more";
    const struct event event = {7, "u:u1", "new-message", payload, 7};
    char *texts = malloc(event_texts_bytes(&event));
    struct event copy;

    (void)state;
    assert_non_null(texts);
    event_copy(&event, &copy, texts);
    assert_int_equal(copy.seq, 7);
    assert_string_equal(copy.audience, "u:u1");
    assert_string_equal(copy.name, "new-message");
    assert_int_equal(copy.payload_length, 7);
    assert_string_equal(copy.payload, "{\"a\":1}");
    assert_ptr_equal(copy.audience, texts);
    free(texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_audience_is_a_room_or_a_user),
        cmocka_unit_test(what_was_encoded_is_decoded),
        cmocka_unit_test(the_bytes_on_the_bus_are_these),
        cmocka_unit_test(what_is_no_event_is_refused),
        cmocka_unit_test(a_nul_in_a_line_is_refused),
        cmocka_unit_test(the_longest_audience_fits),
        cmocka_unit_test(a_copy_has_texts_of_its_own),
    };

    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
