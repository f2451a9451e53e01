/*
 * The one error type.
 *
 * A function that can fail returns bool (or a pointer) and fills a caller-owned struct error.
 * Nothing is allocated, so that running out of memory can be reported too. The text is what a
 * client may read (French); what only an operator should know goes to the log where it happens.
 * Configuration and command-line errors, which only operators read, are in English.
 *
 * Any thread; a struct error belongs to one thread at a time.
 */
#ifndef MESSAGERIE_COMMON_ERROR_H
#define MESSAGERIE_COMMON_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest text, in bytes with its NUL; sentences that no longer fit are left out whole. */
#define ERROR_TEXT_BYTES 4096
/* Longest reason for the log, in bytes with its NUL; a longer one is cut. */
#define ERROR_DETAIL_BYTES 256

enum error_kind {
    ERROR_NONE = 0,
    ERROR_INVALID,      /* the input breaks a rule: HTTP 400 */
    ERROR_UNAUTHORIZED, /* no valid token: 401 */
    ERROR_FORBIDDEN,    /* not theirs: 403 */
    ERROR_NOT_FOUND,    /* 404 */
    ERROR_METHOD,       /* 405 */
    ERROR_TOO_LARGE,    /* 413 */
    ERROR_MEDIA_TYPE,   /* no JSON, and said to be something else: 415 */
    ERROR_TOO_MANY,     /* more than somebody may ask for at a time: 429 */
    ERROR_UNAVAILABLE,  /* may work later (disk full, database away, out of memory): 503 */
    ERROR_INTERNAL,     /* a mistake of ours: 500 */
};

struct error {
    enum error_kind kind;
    bool is_list;                    /* made by error_add: one sentence per line */
    const char *reason;              /* of ERROR_UNAUTHORIZED: a word for machines, which may be
                                        told to whoever asked; static, or NULL */
    int64_t retry_after_s;           /* of ERROR_TOO_MANY: when to ask again, at least 1; else 0 */
    char text[ERROR_TEXT_BYTES];     /* sentences separated by '\n', none at the end */
    char detail[ERROR_DETAIL_BYTES]; /* the reason in English, for the log; often empty */
};

/* Makes it ERROR_NONE with an empty text. A struct error must be cleared before its first use. */
void error_clear(struct error *error);

/* Replaces what is there. Always returns false, so that a caller can write `return error_set(…)`.
 */
bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends the sentence "field: text" and makes the kind ERROR_INVALID. Always returns false. */
bool error_add(struct error *error, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ERROR_UNAUTHORIZED with the text "Unauthorized", a reason for machines (static), and one sentence
 * in English (ASCII without quotes and backslashes) or "", which may both be told. Always returns
 * false. */
bool error_unauthorized(struct error *error, const char *reason, const char *detail);

/* ERROR_TOO_MANY with a text for whoever asked. Always returns false. */
bool error_too_many(struct error *error, const char *text, int64_t retry_after_s);

/* ERROR_INTERNAL with a text that tells nothing, and the reason for the log. Always returns false.
 */
bool error_internal(struct error *error, const char *detail_format, ...)
    __attribute__((format(printf, 2, 3)));

/* ERROR_UNAVAILABLE with the text that asks to try again later, and the reason for the log. Always
 * returns false. */
bool error_unavailable(struct error *error, const char *detail_format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for "out of memory". */
bool error_out_of_memory(struct error *error);

/* What to tell an operator: the detail where there is one, else the text. Borrowed from *error. */
const char *error_for_log(const struct error *error);

#endif
