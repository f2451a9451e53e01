/*
 * Reading JSON that strangers send, strictly, into json-c's tree, of which they decide neither what
 * is in it nor how large it becomes: json-c takes 800 bytes for "{}".
 *
 * Refused with ERROR_INVALID and a French sentence: anything that is not RFC 8259, invalid UTF-8,
 * lone surrogate escapes, NUL (raw or \u0000), an object that names a key twice, nesting deeper
 * than JSON_MAX_DEPTH, anything after the value. So every text that comes out is a C string of
 * valid UTF-8. Refused with ERROR_TOO_LARGE: a tree above one of its limits.
 * Any thread; a tree belongs to one thread at a time.
 */
#ifndef MESSAGERIE_COMMON_JSON_READER_H
#define MESSAGERIE_COMMON_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json_object.h>

#include "common/error.h"

/* Nesting of arrays and objects. */
#define JSON_MAX_DEPTH 32
/* Values in a tree, objects and arrays included. A message with five attachments has 40. */
#define JSON_MAX_VALUES 1000
/* Texts, keys and numbers with a fraction in a tree, together, in bytes. */
#define JSON_MAX_TEXT_BYTES (256 * 1024)
/* What a tree takes at most, in bytes of memory: follows from the two above, and is tested. */
#define JSON_MAX_TREE_BYTES (1280 * 1024)

/* Integers are exact up to here in every JSON implementation (RFC 7493 section 2.2). */
#define JSON_INTEGER_MAX INT64_C(9007199254740991)

/* The value in text[0..length), to be freed with json_object_put. NULL with *error set. A JSON
 * `null` at the top is refused too (to json-c it is NULL; no caller wants it). */
struct json_object *json_read(const char *text, size_t length, struct error *error);

/* The same without the members that nobody is going to ask for, wherever they stand: `members` are
 * the names of those that are kept, up to a NULL. What is left out must be JSON, may name a key
 * twice, and takes no memory. */
struct json_object *json_read_members(const char *text, size_t length, const char *const *members,
                                      struct error *error);

/* The same for what we have written ourselves: without limits but that of the depth. */
struct json_object *json_read_own(const char *text, size_t length, struct error *error);

/* Whether it is one JSON value by the letter of RFC 8259, which may still be none that we take: of
 * any depth, with lone surrogates, NUL or invalid UTF-8 in texts. Takes a byte of memory for a
 * level; false without it. */
bool json_is_well_formed(const char *text, size_t length);

/* The member of that name; NULL when it is absent or null (docs/protocol.md, "REST"), also
 * when `object` is no object. Borrowed from `object`. */
struct json_object *json_get(struct json_object *object, const char *key);

/* Whether there is a member of that name, and it is null: for the few where that says something
 * else than nothing. */
bool json_is_null(struct json_object *object, const char *key);

/* The text of a string value, borrowed from it; NULL when `value` is NULL or no string. */
const char *json_text(struct json_object *value);

/* True and *number set when `value` is a number without a fraction, from -JSON_INTEGER_MAX to
 * JSON_INTEGER_MAX (1.0 and 1e2 are such numbers too). */
bool json_integer(struct json_object *value, int64_t *number);

#endif
