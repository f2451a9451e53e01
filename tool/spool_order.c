#include "tool/spool_order.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/file_owner.h"
#include "db/input.h"

#define NEW_NAME  SPOOL_ORDER_NAME ".new"
#define FILE_MODE 0600

/* Records of the file: a letter, then texts that each end in a NUL, as names may hold all else. */
#define RECORD_PASSED      'p' /* name */
#define RECORD_CHANGED     'c' /* appointment, name */
#define RECORD_ALL_PASSED  'P'
#define RECORD_ALL_CHANGED 'C' /* name */

struct passed_file {
    char name[NAME_MAX + 1];
    bool is_seen; /* since the last end */
};

/* Changed by files up to this name, the greatest. */
struct changed_appointment {
    char id[FOREIGN_ID_MAX_BYTES + 1];
    char name[NAME_MAX + 1];
};

struct spool_order {
    int directory;
    bool is_saved; /* what is on disk is what is here */
    struct passed_file files[SPOOL_ORDER_FILES];
    size_t file_count;
    bool is_any_file;      /* there was no room: each counts as passed over ... */
    bool is_any_file_seen; /* ... and was none since the last end, either */
    struct changed_appointment appointments[SPOOL_ORDER_APPOINTMENTS];
    size_t appointment_count;
    char any_appointment[NAME_MAX + 1]; /* likewise: each counts as changed up to it; or "" */
};

#define FILE_MAX_BYTES sizeof(struct spool_order)

static bool fail(const char *what, struct error *error)
{
    return error_unavailable(error, "spool: %s: %s", what, strerror(errno));
}

/* ---- what is remembered ------------------------------------------------------------------------
 */

static struct passed_file *find_file(struct spool_order *order, const char *name)
{
    for (size_t i = 0; i < order->file_count; i++)
        if (strcmp(order->files[i].name, name) == 0)
            return &order->files[i];
    return NULL;
}

void spool_order_pass(struct spool_order *order, const char *name)
{
    struct passed_file *file = find_file(order, name);

    if (file == NULL && order->file_count == SPOOL_ORDER_FILES) {
        order->is_saved = order->is_saved && order->is_any_file;
        order->is_any_file = order->is_any_file_seen = true;
        return;
    }
    if (file == NULL) {
        file = &order->files[order->file_count++];
        snprintf(file->name, sizeof(file->name), "%s", name);
        order->is_saved = false;
    }
    file->is_seen = true;
}

static bool has_passed_before(const struct spool_order *order, const char *name)
{
    bool found = order->is_any_file;

    for (size_t i = 0; !found && i < order->file_count; i++)
        found = strcmp(order->files[i].name, name) < 0;
    return found;
}

/* Where the name is kept up to which the appointment was changed; NULL: it was not. */
static char *find_changed(struct spool_order *order, const char *appointment_id)
{
    for (size_t i = 0; i < order->appointment_count; i++)
        if (strcmp(order->appointments[i].id, appointment_id) == 0)
            return order->appointments[i].name;
    return NULL;
}

static char *find_room(struct spool_order *order, const char *appointment_id)
{
    char *known = find_changed(order, appointment_id);

    if (known != NULL)
        return known;
    if (order->appointment_count == SPOOL_ORDER_APPOINTMENTS)
        return order->any_appointment;
    struct changed_appointment *fresh = &order->appointments[order->appointment_count++];
    snprintf(fresh->id, sizeof(fresh->id), "%s", appointment_id);
    fresh->name[0] = '\0';
    return fresh->name;
}

void spool_order_change(struct spool_order *order, const char *name, const char *appointment_id)
{
    if (!has_passed_before(order, name))
        return;
    char *until = find_room(order, appointment_id);
    if (strcmp(until, name) >= 0)
        return;
    snprintf(until, NAME_MAX + 1, "%s", name);
    order->is_saved = false;
}

bool spool_order_is_late(const struct spool_order *order, const char *name,
                         const char *appointment_id)
{
    struct spool_order *found = (struct spool_order *)order;

    if (!order->is_any_file && find_file(found, name) == NULL)
        return false;
    const char *until = find_changed(found, appointment_id);
    return (until != NULL && strcmp(until, name) > 0) || strcmp(order->any_appointment, name) > 0;
}

/* ---- on disk ------------------------------------------------------------------------------- */

static void append_text(struct buffer *content, const char *text)
{
    buffer_append(content, text, strlen(text) + 1);
}

static void append_record(struct buffer *content, char kind, const char *appointment_id,
                          const char *name)
{
    buffer_append(content, &kind, 1);
    if (appointment_id != NULL)
        append_text(content, appointment_id);
    if (name != NULL)
        append_text(content, name);
}

static void write_records(const struct spool_order *order, struct buffer *content)
{
    for (size_t i = 0; i < order->file_count; i++)
        append_record(content, RECORD_PASSED, NULL, order->files[i].name);
    for (size_t i = 0; i < order->appointment_count; i++)
        append_record(content, RECORD_CHANGED, order->appointments[i].id,
                      order->appointments[i].name);
    if (order->is_any_file)
        append_record(content, RECORD_ALL_PASSED, NULL, NULL);
    if (order->any_appointment[0] != '\0')
        append_record(content, RECORD_ALL_CHANGED, NULL, order->any_appointment);
}

/* What was passed over by the last process is not seen yet by this one. */
static void add_file(struct spool_order *order, const char *name)
{
    spool_order_pass(order, name);
    if (order->file_count > 0)
        order->files[order->file_count - 1].is_seen = false;
}

/* The next text, of at most max_bytes; NULL at the end of what makes sense. */
static const char *take_text(const char **rest, size_t *left, size_t max_bytes)
{
    const char *text = *rest;
    const char *end = memchr(text, '\0', *left);

    if (end == NULL || (size_t)(end - text) > max_bytes)
        return NULL;
    *left -= (size_t)(end + 1 - text);
    *rest = end + 1;
    return text;
}

static bool read_changed(struct spool_order *order, const char **rest, size_t *left)
{
    const char *id = take_text(rest, left, FOREIGN_ID_MAX_BYTES);
    const char *name = id == NULL ? NULL : take_text(rest, left, NAME_MAX);

    if (name != NULL)
        snprintf(find_room(order, id), NAME_MAX + 1, "%s", name);
    return name != NULL;
}

static bool read_record(struct spool_order *order, const char **rest, size_t *left)
{
    char kind = **rest;
    const char *name;

    (*rest)++, (*left)--;
    switch (kind) {
    case RECORD_PASSED:
        if ((name = take_text(rest, left, NAME_MAX)) != NULL)
            add_file(order, name);
        return name != NULL;
    case RECORD_CHANGED:
        return read_changed(order, rest, left);
    case RECORD_ALL_PASSED:
        order->is_any_file = true;
        return true;
    case RECORD_ALL_CHANGED:
        if ((name = take_text(rest, left, NAME_MAX)) != NULL)
            snprintf(order->any_appointment, sizeof(order->any_appointment), "%s", name);
        return name != NULL;
    default:
        return false;
    }
}

static void read_file(struct spool_order *order)
{
    struct buffer content = BUFFER_EMPTY;
    int descriptor =
        openat(order->directory, SPOOL_ORDER_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (descriptor >= 0 && file_read(descriptor, FILE_MAX_BYTES, &content)) {
        const char *rest = content.data;
        size_t left = content.length;
        while (left > 0 && read_record(order, &rest, &left))
            continue;
    }
    if (descriptor >= 0)
        close(descriptor);
    buffer_free(&content);
    order->is_any_file_seen = false;
    order->is_saved = true;
}

static bool write_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = write(descriptor, bytes, length);
        if (count < 0 && errno != EINTR)
            return false;
        if (count > 0)
            bytes += count, length -= (size_t)count;
    }
    return true;
}

/* Whole under another name first: who is killed meanwhile finds what there was. */
static bool replace_file(const struct spool_order *order, const struct buffer *content)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

    unlinkat(order->directory, NEW_NAME, 0);
    int descriptor = openat(order->directory, NEW_NAME, flags, FILE_MODE);
    if (descriptor < 0)
        return false;
    bool is_written = file_give_to_owner_of_folder(order->directory, NEW_NAME) &&
                      write_all(descriptor, content->data, content->length) &&
                      fdatasync(descriptor) == 0;
    int reason = errno;
    close(descriptor);
    errno = reason;
    return is_written &&
           renameat(order->directory, NEW_NAME, order->directory, SPOOL_ORDER_NAME) == 0 &&
           fsync(order->directory) == 0;
}

bool spool_order_save(struct spool_order *order, struct error *error)
{
    struct buffer content = BUFFER_EMPTY;

    if (order->is_saved)
        return true;
    write_records(order, &content);
    if (content.failed)
        error_out_of_memory(error);
    else if (content.length == 0)
        order->is_saved = unlinkat(order->directory, SPOOL_ORDER_NAME, 0) == 0 || errno == ENOENT ||
                          fail(SPOOL_ORDER_NAME, error);
    else
        order->is_saved = replace_file(order, &content) || fail(SPOOL_ORDER_NAME, error);
    buffer_free(&content);
    return order->is_saved;
}

/* ---- life ---------------------------------------------------------------------------------- */

struct spool_order *spool_order_open(int directory, struct error *error)
{
    struct spool_order *order = calloc(1, sizeof(*order));

    if (order == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    order->directory = directory;
    read_file(order);
    return order;
}

void spool_order_close(struct spool_order *order)
{
    free(order);
}

bool spool_order_end(struct spool_order *order, struct error *error)
{
    size_t kept = 0;

    for (size_t i = 0; i < order->file_count; i++)
        if (order->files[i].is_seen) {
            order->files[kept] = order->files[i];
            order->files[kept++].is_seen = false;
        }
    if (kept != order->file_count || order->is_any_file != order->is_any_file_seen)
        order->is_saved = false;
    order->file_count = kept;
    order->is_any_file = order->is_any_file_seen;
    order->is_any_file_seen = false;
    if (kept == 0 && !order->is_any_file) {
        order->appointment_count = 0;
        order->any_appointment[0] = '\0';
    }
    return spool_order_save(order, error);
}
