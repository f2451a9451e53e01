#include "common/json_reader.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/utf8.h"

/*
 * A recursive-descent parser (RFC 8259 section 2) that builds json-c's tree. json-c's own parser
 * is of no use here: also in its strict mode it takes NaN, Infinity, "1.", "-01", control
 * characters in texts and lone surrogates, keeps the last of equal keys, and dies when memory runs
 * out at a key (0.16).
 */
enum failure {
    FAILURE_NONE,
    FAILURE_SYNTAX,
    FAILURE_DEPTH,
    FAILURE_DUPLICATE,
    FAILURE_VALUES,
    FAILURE_TEXT_BYTES,
    FAILURE_MEMORY,
};

struct parser {
    const char *text;
    size_t length;
    size_t at;
    const char *const *members; /* that are kept; NULL: all */
    bool is_lenient;            /* texts may hold what we do not take, and depth has no limit */
    size_t depth;
    size_t values_left;
    size_t text_bytes_left;
    enum failure failure;
    /* A stack of texts, each with its NUL: the keys of the objects in hand, the text in hand. While
     * a value is skipped: of the brackets that are to come, with a text on top. */
    struct buffer scratch;
};

static bool note_failure(struct parser *parser, enum failure failure)
{
    parser->failure = failure;
    return false;
}

/* NUL at the end: no token begins with it. */
static char byte_ahead(const struct parser *parser)
{
    return parser->at < parser->length ? parser->text[parser->at] : '\0';
}

static bool accept(struct parser *parser, const char *accepted)
{
    char byte = byte_ahead(parser);

    if (byte == '\0' || strchr(accepted, byte) == NULL)
        return false;
    parser->at++;
    return true;
}

static bool accept_word(struct parser *parser, const char *word)
{
    size_t length = strlen(word);

    if (parser->length - parser->at < length ||
        memcmp(parser->text + parser->at, word, length) != 0)
        return false;
    parser->at += length;
    return true;
}

static void skip_blanks(struct parser *parser)
{
    while (accept(parser, " \t\n\r"))
        continue;
}

/* The text on the stack that begins at `start`; NULL, with the failure noted, without memory. */
static const char *scratch_text(struct parser *parser, size_t start)
{
    if (parser->scratch.failed) {
        note_failure(parser, FAILURE_MEMORY);
        return NULL;
    }
    return parser->scratch.data + start;
}

/* What a constructor of json-c made; NULL is its lack of memory. */
static bool take_object(struct parser *parser, struct json_object *made, struct json_object **value)
{
    *value = made;
    return made != NULL || note_failure(parser, FAILURE_MEMORY);
}

/* Before a value is made. */
static bool count_value(struct parser *parser)
{
    if (parser->values_left == 0)
        return note_failure(parser, FAILURE_VALUES);
    parser->values_left--;
    return true;
}

/* Before a text is kept. */
static bool count_text(struct parser *parser, size_t length)
{
    if (length > parser->text_bytes_left)
        return note_failure(parser, FAILURE_TEXT_BYTES);
    parser->text_bytes_left -= length;
    return true;
}

/* ---- texts ---- */

/* The four digits behind \u. */
static bool read_hex(struct parser *parser, uint32_t *unit)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";

    *unit = 0;
    for (int i = 0; i < 4; i++) {
        char byte = byte_ahead(parser);
        const char *digit = byte != '\0' ? strchr(digits, byte) : NULL;
        if (digit == NULL)
            return false;
        *unit = *unit << 4 | ((uint32_t)(digit - digits) & 0xF);
        parser->at++;
    }
    return true;
}

/* Behind \u. A surrogate must be the first half of a pair, with the other behind. */
static bool read_unicode_escape(struct parser *parser, uint32_t *code_point)
{
    uint32_t low;

    if (!read_hex(parser, code_point))
        return false;
    if (parser->is_lenient)
        *code_point = '?'; /* nobody looks at it */
    if (*code_point == 0)
        return false;
    if (*code_point < 0xD800 || *code_point > 0xDFFF)
        return true;
    if (*code_point > 0xDBFF || !accept_word(parser, "\\u") || !read_hex(parser, &low) ||
        low < 0xDC00 || low > 0xDFFF)
        return false;
    *code_point = 0x10000 + ((*code_point - 0xD800) << 10 | (low - 0xDC00));
    return true;
}

/* Behind a backslash: puts what it stands for on the stack. */
static bool read_escape(struct parser *parser)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    char encoded[UTF8_SEQUENCE_MAX_BYTES];
    uint32_t code_point;
    char letter = byte_ahead(parser);

    if (accept(parser, letters)) {
        buffer_append(&parser->scratch, meanings + (strchr(letters, letter) - letters), 1);
        return true;
    }
    if (!accept(parser, "u") || !read_unicode_escape(parser, &code_point))
        return false;
    buffer_append(&parser->scratch, encoded, utf8_encode(code_point, encoded));
    return true;
}

/* Moves behind what stands for itself. */
static void skip_plain(struct parser *parser)
{
    while (parser->at < parser->length) {
        const char *here = parser->text + parser->at;
        if (*here == '"' || *here == '\\' || (unsigned char)*here < 0x20)
            return;
        size_t sequence = utf8_sequence_length(here, parser->length - parser->at);
        if (sequence == 0 && !parser->is_lenient)
            return;
        parser->at += sequence > 0 ? sequence : 1;
    }
}

/* A string: puts it on the stack. */
static bool read_string(struct parser *parser)
{
    if (!accept(parser, "\""))
        return note_failure(parser, FAILURE_SYNTAX);
    for (;;) {
        size_t start = parser->at;
        skip_plain(parser);
        buffer_append(&parser->scratch, parser->text + start, parser->at - start);
        if (accept(parser, "\""))
            break;
        if (!accept(parser, "\\") || !read_escape(parser))
            return note_failure(parser, FAILURE_SYNTAX);
    }
    buffer_append(&parser->scratch, "", 1);
    return true;
}

static bool parse_text(struct parser *parser, struct json_object **value)
{
    size_t start = parser->scratch.length;

    if (!read_string(parser))
        return false;
    const char *text = scratch_text(parser, start);
    if (text == NULL)
        return false;
    size_t length = parser->scratch.length - start - 1;
    parser->scratch.length = start;
    return count_text(parser, length) &&
           take_object(parser, json_object_new_string_len(text, (int)length), value);
}

/* ---- numbers and words ---- */

static bool skip_digits(struct parser *parser)
{
    size_t start = parser->at;

    while (byte_ahead(parser) >= '0' && byte_ahead(parser) <= '9')
        parser->at++;
    return parser->at > start;
}

/* RFC 8259 section 6. */
static bool skip_number(struct parser *parser, bool *is_integer)
{
    *is_integer = true;
    accept(parser, "-");
    if (!accept(parser, "0") && !skip_digits(parser))
        return false;
    if (accept(parser, ".")) {
        *is_integer = false;
        if (!skip_digits(parser))
            return false;
    }
    if (accept(parser, "eE")) {
        *is_integer = false;
        accept(parser, "+-");
        return skip_digits(parser);
    }
    return true;
}

/* What does not fit an int64_t becomes a double, and a double keeps its text, for whoever writes
 * the tree out again. */
static bool parse_number(struct parser *parser, struct json_object **value)
{
    size_t start = parser->at;
    size_t scratch_start = parser->scratch.length;
    bool is_integer;

    if (!skip_number(parser, &is_integer))
        return note_failure(parser, FAILURE_SYNTAX);
    buffer_append(&parser->scratch, parser->text + start, parser->at - start);
    buffer_append(&parser->scratch, "", 1);
    const char *text = scratch_text(parser, scratch_start);
    if (text == NULL)
        return false;
    parser->scratch.length = scratch_start;
    if (is_integer) {
        errno = 0;
        long long integer = strtoll(text, NULL, 10);
        if (errno == 0)
            return take_object(parser, json_object_new_int64(integer), value);
    }
    return count_text(parser, strlen(text)) &&
           take_object(parser, json_object_new_double_s(strtod(text, NULL), text), value);
}

static bool parse_word(struct parser *parser, struct json_object **value)
{
    if (accept_word(parser, "true"))
        return take_object(parser, json_object_new_boolean(true), value);
    if (accept_word(parser, "false"))
        return take_object(parser, json_object_new_boolean(false), value);
    *value = NULL; /* so json-c says null */
    return accept_word(parser, "null") || note_failure(parser, FAILURE_SYNTAX);
}

/* ---- what is left out ---- */

/*
 * Without recursion: here the depth need not be bounded. On the stack stand the brackets that are
 * to come, down to `bottom`.
 */

static bool skip_text(struct parser *parser)
{
    size_t start = parser->scratch.length;
    bool is_text = read_string(parser) && scratch_text(parser, start) != NULL;

    parser->scratch.length = start;
    return is_text;
}

static bool skip_scalar(struct parser *parser)
{
    bool is_integer;

    switch (byte_ahead(parser)) {
    case '"':
        return skip_text(parser);
    case 't':
        return accept_word(parser, "true") || note_failure(parser, FAILURE_SYNTAX);
    case 'f':
        return accept_word(parser, "false") || note_failure(parser, FAILURE_SYNTAX);
    case 'n':
        return accept_word(parser, "null") || note_failure(parser, FAILURE_SYNTAX);
    default:
        return skip_number(parser, &is_integer) || note_failure(parser, FAILURE_SYNTAX);
    }
}

/* A key and its colon. */
static bool skip_key(struct parser *parser)
{
    skip_blanks(parser);
    if (!skip_text(parser))
        return false;
    skip_blanks(parser);
    return accept(parser, ":") || note_failure(parser, FAILURE_SYNTAX);
}

/* Behind an opening bracket, of which `closing` is the other. Sets *is_empty when that follows at
 * once; else the next is a value. */
static bool skip_opening(struct parser *parser, size_t bottom, char closing, bool *is_empty)
{
    if (!parser->is_lenient && parser->depth + parser->scratch.length - bottom >= JSON_MAX_DEPTH)
        return note_failure(parser, FAILURE_DEPTH);
    skip_blanks(parser);
    *is_empty = byte_ahead(parser) == closing;
    if (*is_empty) {
        parser->at++;
        return true;
    }
    buffer_append(&parser->scratch, &closing, 1);
    if (parser->scratch.failed)
        return note_failure(parser, FAILURE_MEMORY);
    return closing == ']' || skip_key(parser);
}

/* Behind a value: closing brackets, and up to a comma (and a key) if one of them is left. */
static bool skip_closing(struct parser *parser, size_t bottom)
{
    while (parser->scratch.length > bottom) {
        char closing = parser->scratch.data[parser->scratch.length - 1];
        skip_blanks(parser);
        if (accept(parser, ","))
            return closing == ']' || skip_key(parser);
        if (byte_ahead(parser) != closing)
            return note_failure(parser, FAILURE_SYNTAX);
        parser->at++;
        parser->scratch.length--;
    }
    return true;
}

static bool skip_value(struct parser *parser)
{
    size_t bottom = parser->scratch.length;

    do {
        bool is_whole = true;
        skip_blanks(parser);
        if (accept(parser, "{")) {
            if (!skip_opening(parser, bottom, '}', &is_whole))
                return false;
        } else if (accept(parser, "[")) {
            if (!skip_opening(parser, bottom, ']', &is_whole))
                return false;
        } else if (!skip_scalar(parser)) {
            return false;
        }
        if (is_whole && !skip_closing(parser, bottom))
            return false;
    } while (parser->scratch.length > bottom);
    return true;
}

/* ---- containers ---- */

static bool parse_value(struct parser *parser, struct json_object **value);

static bool is_kept(const struct parser *parser, const char *key)
{
    const char *const *member = parser->members;

    while (member != NULL && *member != NULL && strcmp(*member, key) != 0)
        member++;
    return member == NULL || *member != NULL;
}

/* The value behind a key that stands on the stack. */
static bool parse_kept(struct parser *parser, struct json_object *object, size_t key_start)
{
    struct json_object *value;

    if (!count_text(parser, parser->scratch.length - key_start - 1) || !parse_value(parser, &value))
        return false;
    const char *key = parser->scratch.data + key_start; /* may have moved */
    parser->scratch.length = key_start;
    if (json_object_object_add_ex(object, key, value, JSON_C_OBJECT_ADD_KEY_IS_NEW) == 0)
        return true;
    json_object_put(value);
    return note_failure(parser, FAILURE_MEMORY);
}

static bool parse_member(struct parser *parser, struct json_object *object)
{
    size_t key_start = parser->scratch.length;

    if (!read_string(parser))
        return false;
    const char *key = scratch_text(parser, key_start);
    if (key == NULL)
        return false;
    bool must_keep = is_kept(parser, key);
    if (must_keep && json_object_object_get_ex(object, key, NULL))
        return note_failure(parser, FAILURE_DUPLICATE);
    skip_blanks(parser);
    if (!accept(parser, ":"))
        return note_failure(parser, FAILURE_SYNTAX);
    if (must_keep)
        return parse_kept(parser, object, key_start);
    parser->scratch.length = key_start;
    return skip_value(parser);
}

static bool parse_members(struct parser *parser, struct json_object *object)
{
    skip_blanks(parser);
    if (accept(parser, "}"))
        return true;
    do {
        skip_blanks(parser);
        if (!parse_member(parser, object))
            return false;
        skip_blanks(parser);
    } while (accept(parser, ","));
    return accept(parser, "}") || note_failure(parser, FAILURE_SYNTAX);
}

static bool parse_element(struct parser *parser, struct json_object *array)
{
    struct json_object *value;

    if (!parse_value(parser, &value))
        return false;
    if (json_object_array_add(array, value) == 0)
        return true;
    json_object_put(value);
    return note_failure(parser, FAILURE_MEMORY);
}

static bool parse_elements(struct parser *parser, struct json_object *array)
{
    skip_blanks(parser);
    if (accept(parser, "]"))
        return true;
    do {
        if (!parse_element(parser, array))
            return false;
        skip_blanks(parser);
    } while (accept(parser, ","));
    return accept(parser, "]") || note_failure(parser, FAILURE_SYNTAX);
}

static bool parse_container(struct parser *parser, struct json_object **value)
{
    if (parser->depth == JSON_MAX_DEPTH)
        return note_failure(parser, FAILURE_DEPTH);
    bool is_object = accept(parser, "{");
    if (!is_object)
        accept(parser, "[");
    if (!take_object(parser, is_object ? json_object_new_object() : json_object_new_array(), value))
        return false;
    parser->depth++;
    bool is_whole = is_object ? parse_members(parser, *value) : parse_elements(parser, *value);
    parser->depth--;
    if (!is_whole)
        json_object_put(*value);
    return is_whole;
}

static bool parse_value(struct parser *parser, struct json_object **value)
{
    skip_blanks(parser);
    if (!count_value(parser))
        return false;
    switch (byte_ahead(parser)) {
    case '{':
    case '[':
        return parse_container(parser, value);
    case '"':
        return parse_text(parser, value);
    case 't':
    case 'f':
    case 'n':
        return parse_word(parser, value);
    default:
        return parse_number(parser, value);
    }
}

/* The value, and nothing behind it. */
static bool parse_whole(struct parser *parser, struct json_object **value)
{
    if (!parse_value(parser, value))
        return false;
    skip_blanks(parser);
    if (parser->at == parser->length && *value != NULL)
        return true;
    json_object_put(*value);
    return note_failure(parser, FAILURE_SYNTAX);
}

static void report(const struct parser *parser, struct error *error)
{
    switch (parser->failure) {
    case FAILURE_NONE:
        break;
    case FAILURE_SYNTAX:
        error_set(error, ERROR_INVALID, "JSON invalide à l'octet %zu", parser->at);
        break;
    case FAILURE_DEPTH:
        error_set(error, ERROR_INVALID, "JSON invalide : plus de %d niveaux d'imbrication",
                  JSON_MAX_DEPTH);
        break;
    case FAILURE_DUPLICATE:
        error_set(error, ERROR_INVALID, "JSON invalide : une clé est donnée deux fois");
        break;
    case FAILURE_VALUES:
        error_set(error, ERROR_TOO_LARGE, "JSON trop grand : plus de %d valeurs", JSON_MAX_VALUES);
        break;
    case FAILURE_TEXT_BYTES:
        error_set(error, ERROR_TOO_LARGE, "JSON trop grand : plus de %d octets de texte",
                  JSON_MAX_TEXT_BYTES);
        break;
    case FAILURE_MEMORY:
        error_out_of_memory(error);
        break;
    }
}

static struct json_object *read_with(struct parser *parser, struct error *error)
{
    struct json_object *value = NULL;

    /* json-c counts the bytes of a text in an int. */
    bool is_read = parser->length < INT_MAX ? parse_whole(parser, &value)
                                            : note_failure(parser, FAILURE_SYNTAX);
    buffer_free(&parser->scratch);
    if (is_read)
        return value;
    report(parser, error);
    return NULL;
}

struct json_object *json_read_members(const char *text, size_t length, const char *const *members,
                                      struct error *error)
{
    struct parser parser = {.text = text,
                            .length = length,
                            .members = members,
                            .values_left = JSON_MAX_VALUES,
                            .text_bytes_left = JSON_MAX_TEXT_BYTES};

    return read_with(&parser, error);
}

struct json_object *json_read(const char *text, size_t length, struct error *error)
{
    return json_read_members(text, length, NULL, error);
}

struct json_object *json_read_own(const char *text, size_t length, struct error *error)
{
    struct parser parser = {
        .text = text, .length = length, .values_left = SIZE_MAX, .text_bytes_left = SIZE_MAX};

    return read_with(&parser, error);
}

bool json_is_well_formed(const char *text, size_t length)
{
    struct parser parser = {.text = text, .length = length, .is_lenient = true};
    bool is_well_formed = skip_value(&parser);

    skip_blanks(&parser);
    buffer_free(&parser.scratch);
    return is_well_formed && parser.at == length;
}

struct json_object *json_get(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, key, &value);
    return value;
}

bool json_is_null(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    return json_object_is_type(object, json_type_object) &&
           json_object_object_get_ex(object, key, &value) && value == NULL;
}

const char *json_text(struct json_object *value)
{
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

bool json_integer(struct json_object *value, int64_t *number)
{
    int64_t integer;

    if (json_object_is_type(value, json_type_int)) {
        integer = json_object_get_int64(value); /* one that does not fit comes out as a limit */
    } else if (json_object_is_type(value, json_type_double)) {
        double real = json_object_get_double(value);
        if (!(real >= -(double)JSON_INTEGER_MAX && real <= (double)JSON_INTEGER_MAX))
            return false;
        integer = (int64_t)real;
        if ((double)integer != real)
            return false;
    } else {
        return false;
    }
    if (integer < -JSON_INTEGER_MAX || integer > JSON_INTEGER_MAX)
        return false;
    *number = integer;
    return true;
}
