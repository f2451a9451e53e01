#include "db/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/json_reader.h"
#include "common/validation.h"

#define LOCK_NAME     ".lock"
#define BAD_DIRECTORY "bad"
#define REASON_SUFFIX ".reason"

struct spool {
    struct spool_options options;
    int directory; /* descriptors */
    int bad;
    int lock;
    int notifications;
};

/* ---- life ---------------------------------------------------------------------------------- */

static bool fail(const struct spool *spool, const char *what, struct error *error)
{
    return error_unavailable(error, "spool %s: %s: %s", spool->options.directory, what,
                             strerror(errno));
}

static bool take_directory(struct spool *spool, struct error *error)
{
    spool->directory = open(spool->options.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->directory < 0)
        return fail(spool, "open", error);
    spool->lock = openat(spool->directory, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (spool->lock < 0)
        return fail(spool, LOCK_NAME, error);
    if (flock(spool->lock, LOCK_EX | LOCK_NB) != 0)
        return error_unavailable(error, "spool %s: another process works on it",
                                 spool->options.directory);
    if (mkdirat(spool->directory, BAD_DIRECTORY, 0770) != 0 && errno != EEXIST)
        return fail(spool, BAD_DIRECTORY, error);
    spool->bad = openat(spool->directory, BAD_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return spool->bad >= 0 || fail(spool, BAD_DIRECTORY, error);
}

/* Where the file system can't notify (network), the caller's timeout is what finds files. */
static bool watch_directory(struct spool *spool, struct error *error)
{
    spool->notifications = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (spool->notifications < 0 ||
        inotify_add_watch(spool->notifications, spool->options.directory, IN_MOVED_TO) < 0)
        return fail(spool, "inotify", error);
    return true;
}

struct spool *spool_open(const struct spool_options *options, struct error *error)
{
    struct spool *spool = calloc(1, sizeof(*spool));

    if (spool == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    *spool = (struct spool){
        .options = *options, .directory = -1, .bad = -1, .lock = -1, .notifications = -1};
    if (take_directory(spool, error) && watch_directory(spool, error))
        return spool;
    spool_close(spool);
    return NULL;
}

static void close_descriptor(int descriptor)
{
    if (descriptor >= 0)
        close(descriptor);
}

void spool_close(struct spool *spool)
{
    if (spool == NULL)
        return;
    close_descriptor(spool->notifications);
    close_descriptor(spool->bad);
    close_descriptor(spool->lock);
    close_descriptor(spool->directory);
    free(spool);
}

int spool_descriptor(const struct spool *spool)
{
    return spool->notifications;
}

static void drain_notifications(const struct spool *spool)
{
    char events[4096];

    while (read(spool->notifications, events, sizeof(events)) > 0)
        continue;
}

/* ---- a file -------------------------------------------------------------------------------- */

/* What became of a file. */
enum outcome { OUTCOME_APPLIED, OUTCOME_REFUSED, OUTCOME_GONE, OUTCOME_LATER };

/* Appends what the descriptor has, but not much more than may be. */
static bool read_all(const struct spool *spool, const char *name, int descriptor,
                     struct buffer *content, struct error *error)
{
    char chunk[16384];
    ssize_t count = 1;

    while (count > 0 && content->length <= REQUEST_BODY_MAX_BYTES) {
        do
            count = read(descriptor, chunk, sizeof(chunk));
        while (count < 0 && errno == EINTR);
        if (count > 0)
            buffer_append(content, chunk, (size_t)count);
    }
    if (count < 0)
        return fail(spool, name, error);
    return !content->failed || error_out_of_memory(error);
}

/* ERROR_INVALID when the file is too large or no file at all, ERROR_NOT_FOUND when it is gone,
 * ERROR_UNAVAILABLE when it can't be read now. */
static bool read_file(const struct spool *spool, const char *name, struct buffer *content,
                      struct error *error)
{
    struct stat status;
    int descriptor = openat(spool->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (descriptor < 0 && errno == ENOENT)
        return error_set(error, ERROR_NOT_FOUND, "Le fichier a disparu");
    if (descriptor < 0 && errno != ELOOP && errno != ENXIO)
        return fail(spool, name, error);
    if (descriptor < 0 || fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
        if (descriptor >= 0)
            close(descriptor);
        return error_set(error, ERROR_INVALID, "Ce n'est pas un fichier");
    }
    bool succeeded = read_all(spool, name, descriptor, content, error);
    close(descriptor);
    if (succeeded && content->length > REQUEST_BODY_MAX_BYTES)
        return error_set(error, ERROR_INVALID, "Le fichier dépasse %d octets",
                         REQUEST_BODY_MAX_BYTES);
    return succeeded;
}

static bool apply_new(const struct spool *spool, struct json_object *body, struct buffer *json,
                      struct error *error)
{
    struct appointment_input input;
    struct appointment_create request = {.input = &input,
                                         .texts = spool->options.texts,
                                         .config = spool->options.config,
                                         .json = json};

    return appointment_input_read(body, &input, error) &&
           database_write(spool->options.database, appointment_create, &request, error);
}

static bool apply_change(const struct spool *spool, struct json_object *body, struct buffer *json,
                         struct error *error)
{
    struct appointment_change_input input;
    struct appointment_change request = {.appointment_id =
                                             json_text(json_get(body, "appointmentId")),
                                         .input = &input,
                                         .texts = spool->options.texts,
                                         .json = json};

    if (request.appointment_id == NULL || !foreign_id_is_valid(request.appointment_id))
        return error_add(error, "appointmentId",
                         "l'identifiant doit avoir de 1 à %d octets, sans caractère de contrôle",
                         FOREIGN_ID_MAX_BYTES);
    return appointment_change_input_read(body, &input, error) &&
           database_write(spool->options.database, appointment_change, &request, error);
}

/* A new appointment names its people, a change of one does not. */
static bool apply_body(const struct spool *spool, struct json_object *body, struct error *error)
{
    struct buffer json = BUFFER_EMPTY;
    bool is_new = json_get(body, "salonId") != NULL || json_get(body, "clientUserId") != NULL;
    bool succeeded =
        is_new ? apply_new(spool, body, &json, error) : apply_change(spool, body, &json, error);

    buffer_free(&json);
    return succeeded;
}

static bool apply_file(const struct spool *spool, const char *name, struct error *error)
{
    struct buffer content = BUFFER_EMPTY;
    struct json_object *body = NULL;

    error_clear(error);
    if (read_file(spool, name, &content, error))
        body = json_read(content.data != NULL ? content.data : "", content.length, error);
    bool succeeded = body != NULL && apply_body(spool, body, error);
    json_object_put(body);
    buffer_free(&content);
    return succeeded;
}

/* Writes the reason first: a file in bad/ always has one. */
static bool write_reason(const struct spool *spool, const char *name, const struct error *reason,
                         struct error *error)
{
    char path[NAME_MAX + sizeof(REASON_SUFFIX)];

    snprintf(path, sizeof(path), "%.*s" REASON_SUFFIX, (int)(NAME_MAX - sizeof(REASON_SUFFIX) + 1),
             name);
    int descriptor = openat(spool->bad, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
    if (descriptor < 0)
        return fail(spool, path, error);
    bool is_written = dprintf(descriptor, "%s\n", reason->text) > 0;
    if (close(descriptor) != 0 || !is_written)
        return fail(spool, path, error);
    return true;
}

static bool move_aside(const struct spool *spool, const char *name, const struct error *reason,
                       struct error *error)
{
    if (!write_reason(spool, name, reason, error))
        return false;
    if (renameat(spool->directory, name, spool->bad, name) != 0)
        return fail(spool, name, error);
    log_warning(spool->options.services->log, "a spooled file is refused", LOG_TEXT("file", name),
                LOG_TEXT("reason", reason->text));
    return true;
}

static enum outcome take_file(const struct spool *spool, const char *name, struct error *error)
{
    struct error reason;

    if (apply_file(spool, name, &reason)) {
        if (unlinkat(spool->directory, name, 0) == 0)
            return OUTCOME_APPLIED;
        fail(spool, name, error);
        return OUTCOME_LATER;
    }
    if (reason.kind == ERROR_NOT_FOUND)
        return OUTCOME_GONE;
    if (reason.kind == ERROR_UNAVAILABLE) {
        *error = reason;
        return OUTCOME_LATER;
    }
    return move_aside(spool, name, &reason, error) ? OUTCOME_REFUSED : OUTCOME_LATER;
}

/* ---- the directory ------------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t suffix_length = strlen(suffix);

    return length >= suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

static int is_spooled(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && !ends_in(entry->d_name, ".tmp") &&
           (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN) &&
           strcmp(entry->d_name, BAD_DIRECTORY) != 0;
}

static int compare_names(const struct dirent **one, const struct dirent **other)
{
    return strcmp((*one)->d_name, (*other)->d_name);
}

static bool is_ending(const struct spool *spool)
{
    struct pollfd end = {.fd = spool->options.end_descriptor, .events = POLLIN};

    return end.fd >= 0 && poll(&end, 1, 0) > 0;
}

bool spool_apply(struct spool *spool, struct spool_result *result, struct error *error)
{
    struct dirent **entries;
    bool succeeded = true;
    bool ends = false;

    *result = (struct spool_result){0};
    drain_notifications(spool);
    int count = scandirat(spool->directory, ".", &entries, is_spooled, compare_names);
    if (count < 0)
        return fail(spool, "read", error);
    for (int i = 0; i < count; i++) {
        ends = ends || is_ending(spool);
        enum outcome outcome = OUTCOME_GONE;
        if (succeeded && !ends)
            outcome = take_file(spool, entries[i]->d_name, error);
        succeeded = succeeded && outcome != OUTCOME_LATER;
        result->applied += outcome == OUTCOME_APPLIED;
        result->refused += outcome == OUTCOME_REFUSED;
        free(entries[i]);
    }
    free(entries);
    /* Removed files stay removed after a power cut, too. */
    if (result->applied + result->refused > 0 && fsync(spool->directory) != 0 && succeeded)
        return fail(spool, "fsync", error);
    return succeeded;
}
