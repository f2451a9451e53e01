#include "tool/spool_aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/json_reader.h"
#include "common/text_file.h"
#include "db/input.h"
#include "db/privacy.h"

static bool fail_on_file(const char *name, struct error *error)
{
    return error_unavailable(error, "spool: bad/%s: %s", name, strerror(errno));
}

static bool is_reason(const char *name)
{
    size_t length = strlen(name);
    size_t suffix_length = strlen(SPOOL_REASON_SUFFIX);

    return length >= suffix_length &&
           strcmp(name + length - suffix_length, SPOOL_REASON_SUFFIX) == 0;
}

/* ---- a file -------------------------------------------------------------------------------- */

/* Without content when it is no file, or can't be read: anybody may be named in it. */
static void read_content(int folder, const char *name, struct buffer *content)
{
    int descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (descriptor < 0)
        return;
    if (!file_read(descriptor, INPUT_MAX_BYTES, content) || content->length > INPUT_MAX_BYTES ||
        !text_file_clean(content))
        buffer_clear(content);
    close(descriptor);
}

/* The members that name somebody; NULL when it is no JSON. */
static struct json_object *read_names(const struct buffer *content)
{
    static const char *const members[] = {"salonId", "clientUserId", "appointmentId", NULL};
    struct error error;

    error_clear(&error);
    return content->length > 0 ? json_read_members(content->data, content->length, members, &error)
                               : NULL;
}

static bool read_times(int folder, const char *name, struct database *database,
                       struct erasure_times *times, struct error *error)
{
    struct buffer content = BUFFER_EMPTY;

    read_content(folder, name, &content);
    struct json_object *body = read_names(&content);
    times->user_ids[0] = json_text(json_get(body, "salonId"));
    times->user_ids[1] = json_text(json_get(body, "clientUserId"));
    times->appointment_id = json_text(json_get(body, "appointmentId"));
    bool succeeded = database_read(database, erasure_times(times), error);
    json_object_put(body);
    buffer_free(&content);
    return succeeded;
}

/* Who is not known to the directory was not erased from it. */
static bool must_go(const struct erasure_times *times, int64_t written_ms)
{
    return (times->knows_named ? times->of_named : times->newest) >= written_ms;
}

static int64_t written_ms(const struct stat *status)
{
    return (int64_t)status->st_mtim.tv_sec * 1000 + status->st_mtim.tv_nsec / 1000000;
}

static bool remove_file(int folder, const char *name, struct error *error)
{
    return unlinkat(folder, name, 0) == 0 || errno == ENOENT || fail_on_file(name, error);
}

/* The reason last: should we be killed in between, it is found as one without a file. */
static bool remove_with_reason(int folder, const char *name, struct error *error)
{
    char reason[SPOOL_REASON_NAME_BYTES];

    spool_aside_name_reason(name, reason);
    return remove_file(folder, name, error) && remove_file(folder, reason, error);
}

static bool look_at_file(int folder, const char *name, struct database *database, int64_t *removed,
                         struct error *error)
{
    struct erasure_times times;
    struct stat status;

    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || fail_on_file(name, error);
    if (!read_times(folder, name, database, &times, error))
        return false;
    if (!must_go(&times, written_ms(&status)))
        return true;
    if (!remove_with_reason(folder, name, error))
        return false;
    (*removed)++;
    return true;
}

/* One whose file is there goes with that, as do those that we have just made. */
static bool look_at_reason(int folder, const char *name, int64_t newest, struct error *error)
{
    char file[NAME_MAX + 1];
    struct stat status;

    snprintf(file, sizeof(file), "%.*s", (int)(strlen(name) - strlen(SPOOL_REASON_SUFFIX)), name);
    if (fstatat(folder, file, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return true;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || written_ms(&status) > newest)
        return true;
    return remove_file(folder, name, error);
}

/* ---- the folder ---------------------------------------------------------------------------- */

static int is_file(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
           entry->d_type != DT_DIR;
}

static bool look_through(int folder, struct database *database, int64_t newest, int64_t *removed,
                         struct error *error)
{
    struct dirent **entries;
    bool succeeded = true;

    int count = scandirat(folder, ".", &entries, is_file, NULL);
    if (count < 0)
        return fail_on_file("", error);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (succeeded && is_reason(name))
            succeeded = look_at_reason(folder, name, newest, error);
        else if (succeeded)
            succeeded = look_at_file(folder, name, database, removed, error);
        free(entries[i]);
    }
    free(entries);
    return succeeded && (fsync(folder) == 0 || fail_on_file("", error));
}

bool spool_aside_erase(int folder, struct database *database, int64_t *erased_at, int64_t *removed,
                       struct error *error)
{
    struct erasure_times times = {.appointment_id = NULL};

    if (!database_read(database, erasure_times(&times), error))
        return false;
    if (times.newest == *erased_at)
        return true;
    if (!look_through(folder, database, times.newest, removed, error))
        return false;
    *erased_at = times.newest;
    return true;
}

void spool_aside_name_reason(const char *name, char reason[SPOOL_REASON_NAME_BYTES])
{
    snprintf(reason, SPOOL_REASON_NAME_BYTES, "%.*s" SPOOL_REASON_SUFFIX,
             (int)(NAME_MAX - sizeof(SPOOL_REASON_SUFFIX) + 1), name);
}
