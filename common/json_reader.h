/*
 * Reading JSON that strangers send, strictly, into json-c's tree.
 *
 * Refused with ERROR_INVALID and a French sentence: anything that is not RFC 8259, invalid UTF-8,
 * lone surrogate escapes, NUL (raw or \u0000), an object that names a key twice, nesting deeper
 * than JSON_MAX_DEPTH, anything after the value. So every text that comes out is a C string of
 * valid UTF-8.
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

/* Integers are exact up to here in every JSON implementation (RFC 7493 section 2.2). */
#define JSON_INTEGER_MAX INT64_C(9007199254740991)

/* The value in text[0..length), to be freed with json_object_put. NULL with *error set. A JSON
 * `null` at the top is refused too (to json-c it is NULL; no caller wants it). */
struct json_object *json_read(const char *text, size_t length, struct error *error);

/* The member of that name; NULL when it is absent or null (docs/protocol.md, "REST"), also
 * when `object` is no object. Borrowed from `object`. */
struct json_object *json_get(struct json_object *object, const char *key);

/* The text of a string value, borrowed from it; NULL when `value` is NULL or no string. */
const char *json_text(struct json_object *value);

/* True and *number set when `value` is a number without a fraction, from -JSON_INTEGER_MAX to
 * JSON_INTEGER_MAX (1.0 and 1e2 are such numbers too). */
bool json_integer(struct json_object *value, int64_t *number);

#endif
