#include "common/json_reader.h"

#include <limits.h>
#include <string.h>

#include <json-c/json_tokener.h>
#include <json-c/linkhash.h>

#include "common/utf8.h"

/* json-c 0.16 in its strict mode still takes NaN, Infinity, "1.", "-01", control characters in
 * strings and lone surrogates, so every token is checked here first, and counted: json-c drops all
 * but the last of equal keys, so the tree then has fewer members than the text has colons.
 * The order of the tokens is json-c's to check. */
struct scanner {
    const char *text;
    size_t length;
    size_t at;
    size_t depth;
    size_t colons;
};

static char peek(const struct scanner *scanner)
{
    return scanner->at < scanner->length ? scanner->text[scanner->at] : '\0';
}

static bool accept(struct scanner *scanner, const char *accepted)
{
    char byte = peek(scanner);

    if (byte == '\0' || strchr(accepted, byte) == NULL)
        return false;
    scanner->at++;
    return true;
}

static bool scan_digits(struct scanner *scanner)
{
    size_t start = scanner->at;

    while (peek(scanner) >= '0' && peek(scanner) <= '9')
        scanner->at++;
    return scanner->at > start;
}

/* RFC 8259 section 6. */
static bool scan_number(struct scanner *scanner)
{
    accept(scanner, "-");
    if (!accept(scanner, "0") && !scan_digits(scanner))
        return false;
    if (accept(scanner, ".") && !scan_digits(scanner))
        return false;
    if (accept(scanner, "eE")) {
        accept(scanner, "+-");
        return scan_digits(scanner);
    }
    return true;
}

static bool scan_word(struct scanner *scanner, const char *word)
{
    size_t length = strlen(word);

    if (scanner->length - scanner->at < length ||
        memcmp(scanner->text + scanner->at, word, length) != 0)
        return false;
    scanner->at += length;
    return true;
}

/* The four digits behind \u. */
static bool scan_hex(struct scanner *scanner, unsigned int *value)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";

    *value = 0;
    for (int i = 0; i < 4; i++) {
        char byte = peek(scanner);
        const char *digit = byte != '\0' ? strchr(digits, byte) : NULL;
        if (digit == NULL)
            return false;
        *value = *value << 4 | ((unsigned int)(digit - digits) & 0xF);
        scanner->at++;
    }
    return true;
}

/* What follows a backslash. A surrogate must be the first half of a pair, with the other behind. */
static bool scan_escape(struct scanner *scanner)
{
    unsigned int code;
    unsigned int low;

    if (accept(scanner, "\"\\/bfnrt"))
        return true;
    if (!accept(scanner, "u") || !scan_hex(scanner, &code) || code == 0)
        return false;
    if (code < 0xD800 || code > 0xDFFF)
        return true;
    return code <= 0xDBFF && scan_word(scanner, "\\u") && scan_hex(scanner, &low) &&
           low >= 0xDC00 && low <= 0xDFFF;
}

static bool scan_string(struct scanner *scanner)
{
    scanner->at++;
    while (scanner->at < scanner->length) {
        const char *here = scanner->text + scanner->at;
        if (accept(scanner, "\""))
            return true;
        if (accept(scanner, "\\")) {
            if (!scan_escape(scanner))
                return false;
            continue;
        }
        size_t sequence = utf8_sequence_length(here, scanner->length - scanner->at);
        if (sequence == 0 || (unsigned char)*here < 0x20)
            return false;
        scanner->at += sequence;
    }
    return false;
}

static bool scan_token(struct scanner *scanner)
{
    switch (peek(scanner)) {
    case '[':
    case '{':
        scanner->depth++;
        scanner->at++;
        return scanner->depth <= JSON_MAX_DEPTH;
    case ']':
    case '}':
        scanner->at++;
        if (scanner->depth == 0)
            return false;
        scanner->depth--;
        return true;
    case ':':
        scanner->colons++;
        scanner->at++;
        return true;
    case ',':
        scanner->at++;
        return true;
    case '"':
        return scan_string(scanner);
    case 't':
        return scan_word(scanner, "true");
    case 'f':
        return scan_word(scanner, "false");
    case 'n':
        return scan_word(scanner, "null");
    default:
        return scan_number(scanner);
    }
}

/* Up to the end of the text, or to what can be no part of JSON. */
static bool scan(struct scanner *scanner)
{
    for (;;) {
        while (accept(scanner, " \t\n\r"))
            continue;
        if (scanner->at == scanner->length)
            return true;
        if (!scan_token(scanner))
            return false;
    }
}

/* Depth is bounded by the tokener. */
static size_t count_members(struct json_object *value)
{
    size_t count = 0;

    if (json_object_is_type(value, json_type_array)) {
        size_t length = json_object_array_length(value);
        for (size_t i = 0; i < length; i++)
            count += count_members(json_object_array_get_idx(value, i));
    }
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member)
        {
            (void)key;
            count += 1 + count_members(member);
        }
    }
    return count;
}

static struct json_object *fail_at(struct error *error, size_t at)
{
    error_set(error, ERROR_INVALID, "JSON invalide à l'octet %zu", at);
    return NULL;
}

/* Whether the tokener was stopped by the text and not by a lack of memory, which it reports as
 * success, or as something unexpected. */
static struct json_object *parse(const char *text, size_t length, struct error *error)
{
    struct json_tokener *tokener = json_tokener_new_ex(JSON_MAX_DEPTH + 1);

    if (tokener == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    struct json_object *value = json_tokener_parse_ex(tokener, text, (int)length);
    /* A number at the top ends only where the text does. */
    if (value == NULL && json_tokener_get_error(tokener) == json_tokener_continue)
        value = json_tokener_parse_ex(tokener, "", 1);
    if (value == NULL)
        fail_at(error, json_tokener_get_parse_end(tokener));
    json_tokener_free(tokener);
    return value;
}

struct json_object *json_read(const char *text, size_t length, struct error *error)
{
    struct scanner scanner = {.text = text, .length = length};

    if (length >= INT_MAX || !scan(&scanner)) {
        if (scanner.depth > JSON_MAX_DEPTH)
            error_set(error, ERROR_INVALID, "JSON invalide : plus de %d niveaux d'imbrication",
                      JSON_MAX_DEPTH);
        else
            fail_at(error, scanner.at);
        return NULL;
    }
    struct json_object *value = parse(text, length, error);
    if (value != NULL && count_members(value) != scanner.colons) {
        json_object_put(value);
        error_set(error, ERROR_INVALID, "JSON invalide : une clé est donnée deux fois");
        return NULL;
    }
    return value;
}

struct json_object *json_get(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, key, &value);
    return value;
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
