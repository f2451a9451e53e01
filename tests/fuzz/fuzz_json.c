/*
 * The reader of JSON: what it takes is JSON, within its limits, and says the same when it is
 * written and read again; leaving members out leaves the others as they are.
 */
#include <string.h>

#include <json-c/json_object.h>
#include <json-c/linkhash.h>

#include "common/error.h"
#include "common/json_reader.h"
#include "common/utf8.h"
#include "tests/fuzz/fuzz.h"

static const char *const kept[] = {"a", "content", "attachments", NULL};

/* What is in a tree. */
struct sum {
    size_t values;
    size_t text_bytes;
    size_t depth;
};

static bool is_kept(const char *key)
{
    const char *const *member = kept;

    while (*member != NULL && strcmp(*member, key) != 0)
        member++;
    return *member != NULL;
}

static void add_text(const char *text, size_t length, struct sum *sum)
{
    FUZZ_CHECK(strlen(text) == length && utf8_is_valid(text, length));
    sum->text_bytes += length;
}

static void add_up(struct json_object *value, bool are_kept, size_t depth, struct sum *sum)
{
    sum->values++;
    if (json_object_is_type(value, json_type_string)) {
        add_text(json_object_get_string(value), (size_t)json_object_get_string_len(value), sum);
    } else if (json_object_is_type(value, json_type_array)) {
        FUZZ_CHECK(depth < JSON_MAX_DEPTH);
        for (size_t i = 0; i < json_object_array_length(value); i++)
            add_up(json_object_array_get_idx(value, i), are_kept, depth + 1, sum);
    } else if (json_object_is_type(value, json_type_object)) {
        FUZZ_CHECK(depth < JSON_MAX_DEPTH);
        json_object_object_foreach(value, key, member)
        {
            FUZZ_CHECK(!are_kept || is_kept(key));
            add_text(key, strlen(key), sum);
            add_up(member, are_kept, depth + 1, sum);
        }
    }
}

static void check_tree(struct json_object *tree, bool are_kept, bool is_limited)
{
    struct sum sum = {0};

    add_up(tree, are_kept, 0, &sum);
    FUZZ_CHECK(!is_limited ||
               (sum.values <= JSON_MAX_VALUES && sum.text_bytes <= JSON_MAX_TEXT_BYTES));
}

static void check_refusal(const struct error *error, bool is_limited)
{
    FUZZ_CHECK(error->kind == ERROR_INVALID || (is_limited && error->kind == ERROR_TOO_LARGE));
    FUZZ_CHECK(error->text[0] != '\0');
}

/* Read, written, read and written: the same text. */
static void check_again(struct json_object *tree)
{
    const char *text = json_object_to_json_string_ext(tree, JSON_C_TO_STRING_PLAIN);
    struct error error;

    FUZZ_CHECK(text != NULL);
    struct json_object *again = json_read_own(text, strlen(text), &error);
    FUZZ_CHECK(again != NULL);
    FUZZ_CHECK(strcmp(text, json_object_to_json_string_ext(again, JSON_C_TO_STRING_PLAIN)) == 0);
    json_object_put(again);
}

/* The members that are kept at the top are the same as without leaving any out. */
static void check_same(struct json_object *whole, struct json_object *part)
{
    json_object_object_foreach(part, key, member)
    {
        struct json_object *other = NULL;
        FUZZ_CHECK(json_object_object_get_ex(whole, key, &other));
        FUZZ_CHECK(json_object_get_type(other) == json_object_get_type(member));
        if (json_object_is_type(member, json_type_string))
            FUZZ_CHECK(json_object_equal(other, member));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct error error, limited_error, part_error;

    error_clear(&error);
    error_clear(&limited_error);
    error_clear(&part_error);
    struct json_object *whole = json_read_own(text, size, &error);
    struct json_object *limited = json_read(text, size, &limited_error);
    struct json_object *part = json_read_members(text, size, kept, &part_error);

    if (whole == NULL)
        check_refusal(&error, false);
    else
        check_tree(whole, false, false);
    if (limited == NULL)
        check_refusal(&limited_error, true);
    else
        check_tree(limited, false, true);
    if (part == NULL)
        check_refusal(&part_error, true);
    else
        check_tree(part, true, true);
    FUZZ_CHECK(limited == NULL || (whole != NULL && part != NULL));
    FUZZ_CHECK(whole == NULL || limited != NULL || limited_error.kind == ERROR_TOO_LARGE);
    FUZZ_CHECK((whole == NULL && part == NULL) || json_is_well_formed(text, size));
    if (whole != NULL)
        check_again(whole);
    if (whole != NULL && json_object_is_type(part, json_type_object))
        check_same(whole, part);
    json_object_put(whole);
    json_object_put(limited);
    json_object_put(part);
    return 0;
}
