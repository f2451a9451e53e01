#include "tool/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/file_owner.h"
#include "common/json_reader.h"
#include "common/text_file.h"
#include "db/input.h"
#include "tool/spool_aside.h"
#include "tool/spool_order.h"

#define LOCK_NAME     ".lock"
#define BAD_DIRECTORY "bad"
#define FILE_SUFFIX   ".json"
/* The site, whose group has the directory, may look at what was refused. */
#define LOCK_MODE          0600
#define BAD_DIRECTORY_MODE 0770
#define REASON_MODE        0660

/* What a file is known again by: another one of its name, or another content, is another file. */
struct file_mark {
    ino_t inode;
    struct timespec changed_at;
};

/* A file and what it says. */
struct item {
    struct batch *batch;
    const char *name;
    struct file_mark mark;
    struct json_object *body; /* which the inputs borrow from */
    bool is_new;
    const char *appointment_id;
    union {
        struct appointment_input appointment;
        struct appointment_change_input change;
    } input;
    union {
        struct appointment_create create;
        struct appointment_change change;
    } request;
    struct database_job job; /* its error also tells what is wrong with the file itself */
};

/* Files that share a commit. */
struct batch {
    struct item items[SPOOL_BATCH_FILES];
    size_t count;
    size_t bytes;
    bool must_wait; /* one of them, and so all behind it */
};

struct spool {
    struct spool_options options;
    struct batch *batch;
    struct spool_order *order;
    int directory; /* descriptors */
    int bad;       /* -1: it could not be opened */
    int lock;
    int notifications;        /* -1: there are none */
    int64_t erased_at;        /* see spool_aside_erase */
    struct log_limit refused; /* lines of the log: each file has its reason beside it */
    struct log_limit unsaved;
    /* Of one look at the directory: files that are passed over, and the first one's reason. */
    int64_t passed_over;
    char first_name[NAME_MAX + 1];
    struct error first_reason;
    int64_t warn_after_ms; /* monotonic; 0: at once */
    /* Those that were applied and could not be removed. */
    struct file_mark done[SPOOL_DONE_FILES];
    size_t done_count;
};

/* ---- life ---------------------------------------------------------------------------------- */

static void close_descriptor(int descriptor)
{
    if (descriptor >= 0)
        close(descriptor);
}

static bool fail_on_file(const struct spool *spool, const char *what, struct error *error)
{
    return error_unavailable(error, "spool %s: %s: %s", spool->options.directory, what,
                             strerror(errno));
}

/* Whoever may write to the directory can put a link at the name: it is not followed. */
static int open_or_make(int folder, const char *name, int flags, mode_t mode)
{
    int descriptor = openat(folder, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

    if (descriptor < 0 && errno == EEXIST)
        return openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0 || file_give_to_owner_of_folder(folder, name))
        return descriptor;
    int reason = errno;
    close(descriptor);
    errno = reason;
    return -1;
}

static bool take_directory(struct spool *spool, struct error *error)
{
    spool->directory = open(spool->options.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->directory < 0)
        return fail_on_file(spool, "open", error);
    spool->lock = open_or_make(spool->directory, LOCK_NAME, O_RDWR, LOCK_MODE);
    if (spool->lock < 0)
        return fail_on_file(spool, LOCK_NAME, error);
    if (flock(spool->lock, LOCK_EX | LOCK_NB) != 0)
        return error_unavailable(error, "spool %s: another process works on it",
                                 spool->options.directory);
    return true;
}

/* Also when it is needed: whoever has put something else there may have mended it. */
static bool open_bad(struct spool *spool, struct error *error)
{
    if (spool->bad >= 0)
        return true;
    bool is_made = mkdirat(spool->directory, BAD_DIRECTORY, BAD_DIRECTORY_MODE) == 0;
    if (is_made ? !file_give_to_owner_of_folder(spool->directory, BAD_DIRECTORY) : errno != EEXIST)
        return fail_on_file(spool, BAD_DIRECTORY, error);
    spool->bad = openat(spool->directory, BAD_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return spool->bad >= 0 || fail_on_file(spool, BAD_DIRECTORY, error);
}

/* Only what is renamed into it: what is written there under its final name is seen half-written by
 * others, too, and found by the next look.
 *
 * Where the file system can't notify (network), or the system has no notifications left, the
 * caller's timeout is what finds files. */
static void watch_directory(struct spool *spool)
{
    spool->notifications = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (spool->notifications >= 0 &&
        inotify_add_watch(spool->notifications, spool->options.directory, IN_MOVED_TO) >= 0)
        return;
    log_warning(spool->options.services->log,
                "the spool is not told of new files, and looks for them",
                LOG_TEXT("reason", strerror(errno)));
    close_descriptor(spool->notifications);
    spool->notifications = -1;
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
    spool->batch = calloc(1, sizeof(*spool->batch));
    struct error bad_error;

    error_clear(&bad_error);
    if ((spool->batch == NULL && !error_out_of_memory(error)) || !take_directory(spool, error) ||
        (spool->order = spool_order_open(spool->directory, error)) == NULL) {
        spool_close(spool);
        return NULL;
    }
    if (!open_bad(spool, &bad_error))
        log_warning(spool->options.services->log, "files that are refused will stay",
                    LOG_TEXT("reason", bad_error.detail));
    watch_directory(spool);
    return spool;
}

void spool_close(struct spool *spool)
{
    if (spool == NULL)
        return;
    spool_order_close(spool->order);
    close_descriptor(spool->notifications);
    close_descriptor(spool->bad);
    close_descriptor(spool->lock);
    close_descriptor(spool->directory);
    free(spool->batch);
    free(spool);
}

void spool_use_configuration(struct spool *spool, const struct config *config,
                             const struct appointment_texts *texts)
{
    spool->options.config = config;
    spool->options.texts = texts;
}

int spool_descriptor(const struct spool *spool)
{
    return spool->notifications;
}

static void drain_notifications(const struct spool *spool)
{
    char events[4096];

    while (spool->notifications >= 0 && read(spool->notifications, events, sizeof(events)) > 0)
        continue;
}

/* ---- a file -------------------------------------------------------------------------------- */

static bool is_same_file(const struct file_mark *one, const struct file_mark *other)
{
    return one->inode == other->inode && one->changed_at.tv_sec == other->changed_at.tv_sec &&
           one->changed_at.tv_nsec == other->changed_at.tv_nsec;
}

static bool is_done(const struct spool *spool, const struct file_mark *mark)
{
    for (size_t i = 0; i < spool->done_count; i++)
        if (is_same_file(&spool->done[i], mark))
            return true;
    return false;
}

/* A file that was passed over for this reason; only the first one's is told. */
static void pass_over(struct spool *spool, const char *name, const struct error *reason)
{
    spool_order_pass(spool->order, name);
    if (spool->passed_over++ > 0)
        return;
    snprintf(spool->first_name, sizeof(spool->first_name), "%s", name);
    spool->first_reason = *reason;
}

/* What is known of a file besides its content: whether there is one that can be taken.
 * ERROR_INVALID when it is none, ERROR_NOT_FOUND when it is gone, ERROR_FORBIDDEN when it is to be
 * passed over. */
static bool look_at_file(const struct spool *spool, const char *name, int descriptor,
                         struct file_mark *mark, struct error *error)
{
    struct stat status;

    if (descriptor < 0 && errno == ENOENT)
        return error_set(error, ERROR_NOT_FOUND, "Le fichier a disparu");
    if (descriptor < 0 && errno != ELOOP && errno != ENXIO) {
        fail_on_file(spool, name, error);
        error->kind = ERROR_FORBIDDEN;
        return false;
    }
    if (descriptor < 0 || fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
        return error_set(error, ERROR_INVALID, "Ce n'est pas un fichier");
    *mark = (struct file_mark){status.st_ino, status.st_ctim};
    if (!is_done(spool, mark))
        return true;
    error_unavailable(error, "spool %s: %s: is applied and can't be removed",
                      spool->options.directory, name);
    error->kind = ERROR_FORBIDDEN;
    return false;
}

/* The same, and ERROR_INVALID when the file is too large, ERROR_UNAVAILABLE without memory. */
static bool read_spooled(const struct spool *spool, const char *name, struct file_mark *mark,
                         struct buffer *content, struct error *error)
{
    int descriptor = openat(spool->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool succeeded = look_at_file(spool, name, descriptor, mark, error);

    if (succeeded && !file_read(descriptor, INPUT_MAX_BYTES, content)) {
        bool is_memory = errno == ENOMEM;
        succeeded = fail_on_file(spool, name, error);
        error->kind = is_memory ? ERROR_UNAVAILABLE : ERROR_FORBIDDEN;
    }
    close_descriptor(descriptor);
    if (succeeded && content->length > INPUT_MAX_BYTES)
        return error_set(error, ERROR_INVALID, "Le fichier dépasse %d octets", INPUT_MAX_BYTES);
    if (succeeded && !text_file_clean(content))
        return error_set(error, ERROR_INVALID, "Le fichier est en UTF-16 ; il faut de l'UTF-8");
    return succeeded;
}

/* ---- reading a batch ----------------------------------------------------------------------- */

static void clear_batch(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        json_object_put(batch->items[i].body);
    batch->count = 0;
    batch->bytes = 0;
    batch->must_wait = false;
}

static bool read_new(const struct spool *spool, struct item *item, struct error *error)
{
    struct appointment_input *input = &item->input.appointment;

    if (!appointment_input_read(item->body, input, error))
        return false;
    item->appointment_id = input->appointment_id;
    item->request.create = (struct appointment_create){
        .input = input, .texts = spool->options.texts, .config = spool->options.config};
    return true;
}

/* A version tells by itself what is old, and a new appointment that comes again changes nothing. */
static bool require_order(const struct spool *spool, const struct item *item, struct error *error)
{
    return item->input.change.has_version ||
           !spool_order_is_late(spool->order, item->name, item->appointment_id) ||
           error_set(error, ERROR_INVALID,
                     "Un fichier plus récent du même rendez-vous a été appliqué pendant que "
                     "celui-ci ne pouvait pas l'être");
}

static bool read_change(const struct spool *spool, struct item *item, struct error *error)
{
    struct appointment_change_input *input = &item->input.change;

    if (!id_input_read(item->body, "appointmentId", &item->appointment_id, error) ||
        !appointment_change_input_read(item->body, input, error) ||
        !require_order(spool, item, error))
        return false;
    item->request.change = (struct appointment_change){
        .appointment_id = item->appointment_id, .input = input, .texts = spool->options.texts};
    return true;
}

/* A new appointment names its people, a change of one does not. */
static bool read_item_body(const struct spool *spool, struct item *item, struct error *error)
{
    item->is_new =
        json_get(item->body, "salonId") != NULL || json_get(item->body, "clientUserId") != NULL;
    return item->is_new ? read_new(spool, item, error) : read_change(spool, item, error);
}

/* Reads the file; what it says, or why it can't be applied, is then in *item. */
static void read_item(const struct spool *spool, const char *name, struct item *item)
{
    struct buffer content = BUFFER_EMPTY;
    struct error *error = &item->job.error;

    item->name = name;
    item->body = NULL;
    error_clear(error);
    if (read_spooled(spool, name, &item->mark, &content, error))
        item->body = json_read_members(content.data != NULL ? content.data : "", content.length,
                                       input_members, error);
    item->batch->bytes += content.length;
    buffer_free(&content);
    if (item->body != NULL)
        read_item_body(spool, item, error);
}

static bool is_readable(const struct item *item)
{
    return item->job.error.kind == ERROR_NONE;
}

/* Whether a change without version of the same appointment stands before the item. After a kill the
 * batch is applied once more from its beginning, and only the state tells that such a change was
 * made already: nothing may have changed that since. */
static bool needs_own_commit(const struct batch *batch, const struct item *item)
{
    for (size_t i = 0; is_readable(item) && i < batch->count; i++) {
        const struct item *before = &batch->items[i];
        if (is_readable(before) && !before->is_new && !before->input.change.has_version &&
            strcmp(before->appointment_id, item->appointment_id) == 0)
            return true;
    }
    return false;
}

/* Fills the batch from the first of these files on, and gives how many of them are done with that;
 * 0 with *error when the first one can't be read now. */
static int fill_batch(struct spool *spool, struct dirent *const *entries, int count,
                      struct error *error)
{
    struct batch *batch = spool->batch;
    int taken = 0;

    clear_batch(batch);
    for (; taken < count && batch->count < SPOOL_BATCH_FILES && batch->bytes < SPOOL_BATCH_BYTES;
         taken++) {
        struct item *item = &batch->items[batch->count];
        item->batch = batch;
        read_item(spool, entries[taken]->d_name, item);
        if (item->job.error.kind == ERROR_NOT_FOUND)
            continue; /* somebody has taken it back */
        if (item->job.error.kind == ERROR_FORBIDDEN) {
            pass_over(spool, item->name, &item->job.error);
            continue;
        }
        if (item->job.error.kind == ERROR_UNAVAILABLE || needs_own_commit(batch, item)) {
            json_object_put(item->body);
            break;
        }
        batch->count++;
    }
    if (taken == 0)
        *error = batch->items[0].job.error;
    return taken;
}

/* Writes the reason first: a file in bad/ always has one. */
static bool write_reason(const struct spool *spool, const char *name, const struct error *reason,
                         struct error *error)
{
    char path[SPOOL_REASON_NAME_BYTES];

    spool_aside_name_reason(name, path);
    unlinkat(spool->bad, path, 0); /* of a file that had the same name */
    int descriptor = open_or_make(spool->bad, path, O_WRONLY, REASON_MODE);
    if (descriptor < 0)
        return fail_on_file(spool, path, error);
    bool is_written = dprintf(descriptor, "%s\n", reason->text) > 0;
    if (close(descriptor) != 0 || !is_written)
        return fail_on_file(spool, path, error);
    return true;
}

static bool move_aside(struct spool *spool, const char *name, const struct error *reason,
                       struct error *error)
{
    if (!open_bad(spool, error) || !write_reason(spool, name, reason, error))
        return false;
    if (renameat(spool->directory, name, spool->bad, name) != 0)
        return fail_on_file(spool, name, error);
    log_limited(spool->options.services->log, &spool->refused, LOG_LEVEL_WARNING,
                "a spooled file is refused", LOG_TEXT("file", name),
                LOG_TEXT("reason", reason->text));
    return true;
}

/* ---- applying a batch ---------------------------------------------------------------------- */

DATABASE_OPERATION(apply_item, struct item);

bool apply_item_run(struct transaction *transaction, struct item *item, struct error *error)
{
    if (item->batch->must_wait)
        return error_unavailable(error, "a file before it must wait");
    bool succeeded = item->is_new
                         ? appointment_create_run(transaction, &item->request.create, error)
                         : appointment_change_run(transaction, &item->request.change, error);
    if (!succeeded && error->kind == ERROR_UNAVAILABLE)
        item->batch->must_wait = true;
    return succeeded;
}

static void on_completed(struct database_job *job)
{
    const struct item *item = job->operation.argument;

    if (!job->succeeded && job->error.kind == ERROR_UNAVAILABLE)
        item->batch->must_wait = true;
    sem_post(job->context);
}

/* All operations have run, in one commit, before the first of them is completed. */
_Static_assert(SPOOL_BATCH_FILES <= DATABASE_BATCH_OPERATIONS, "a batch of files is one commit");

/* Runs the files' operations, in order and but for others' in one commit; waits for it. */
static void run_batch(const struct spool *spool)
{
    struct database_job *jobs[SPOOL_BATCH_FILES];
    size_t count = 0;
    sem_t completed;

    sem_init(&completed, 0, 0);
    for (size_t i = 0; i < spool->batch->count; i++) {
        struct item *item = &spool->batch->items[i];
        item->job.succeeded = false;
        if (!is_readable(item))
            continue;
        item->job.operation = apply_item(item);
        item->job.completed = on_completed;
        item->job.context = &completed;
        jobs[count++] = &item->job;
    }
    database_submit_all(spool->options.database, jobs, count);
    for (size_t i = 0; i < count; i++)
        while (sem_wait(&completed) != 0)
            continue; /* EINTR */
    sem_destroy(&completed);
}

/* The oldest ones are forgotten: they are applied once more, which changes nothing. */
static void remember_done(struct spool *spool, const struct file_mark *mark)
{
    if (spool->done_count == SPOOL_DONE_FILES) {
        spool->done_count /= 2;
        memmove(spool->done, spool->done + SPOOL_DONE_FILES - spool->done_count,
                spool->done_count * sizeof(spool->done[0]));
    }
    spool->done[spool->done_count++] = *mark;
}

static void finish_applied(struct spool *spool, const struct item *item,
                           struct spool_result *result)
{
    struct error error;

    result->applied++;
    if (unlinkat(spool->directory, item->name, 0) == 0 || errno == ENOENT)
        return;
    error_clear(&error);
    fail_on_file(spool, item->name, &error);
    remember_done(spool, &item->mark);
    pass_over(spool, item->name, &error);
}

static void finish_refused(struct spool *spool, const struct item *item,
                           struct spool_result *result)
{
    struct error error;

    error_clear(&error);
    if (move_aside(spool, item->name, &item->job.error, &error))
        result->refused++;
    else
        pass_over(spool, item->name, &error);
}

/* Removes the file, or puts it aside, or passes it over. False with *error when it has to wait. */
static bool finish_item(struct spool *spool, const struct item *item, struct spool_result *result,
                        struct error *error)
{
    if (item->job.succeeded) {
        finish_applied(spool, item, result);
    } else if (item->job.error.kind == ERROR_UNAVAILABLE) {
        *error = item->job.error;
        return false;
    } else {
        finish_refused(spool, item, result);
    }
    return true;
}

/* The spool goes on without: what is not on disk is still known here. */
static void tell_unsaved(struct spool *spool, const struct error *reason)
{
    log_limited(spool->options.services->log, &spool->unsaved, LOG_LEVEL_WARNING,
                "a restart would forget which spooled files were passed over",
                LOG_TEXT("reason", error_for_log(reason)));
}

/* A new appointment without version changes none that is there. */
static bool changes_known(const struct item *item)
{
    return is_readable(item) && (!item->is_new || item->input.appointment.state.has_version);
}

static void keep_order(struct spool *spool)
{
    struct error error;

    error_clear(&error);
    for (size_t i = 0; i < spool->batch->count; i++) {
        const struct item *item = &spool->batch->items[i];
        if (changes_known(item))
            spool_order_change(spool->order, item->name, item->appointment_id);
    }
    if (!spool_order_save(spool->order, &error))
        tell_unsaved(spool, &error);
}

/* False with *error when the first file that is still there has to wait. */
static bool apply_batch(struct spool *spool, struct spool_result *result, struct error *error)
{
    const struct batch *batch = spool->batch;
    size_t finished = 0;

    keep_order(spool);
    run_batch(spool);
    while (finished < batch->count && finish_item(spool, &batch->items[finished], result, error))
        finished++;
    if (finished < batch->count)
        return false;
    /* Removed files stay removed after a power cut: no more than one batch is ever repeated. */
    return fsync(spool->directory) == 0 || fail_on_file(spool, "fsync", error);
}

/* ---- the directory ------------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t suffix_length = strlen(suffix);

    return length >= suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

/* What else bears such a name, a link or a folder say, is found to be no file when it is read. */
static int is_spooled(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && ends_in(entry->d_name, FILE_SUFFIX);
}

static int compare_names(const struct dirent **one, const struct dirent **other)
{
    return strcmp((*one)->d_name, (*other)->d_name);
}

static bool has_signal(const struct spool *spool)
{
    struct pollfd signals = {.fd = spool->options.signals, .events = POLLIN};

    return signals.fd >= 0 && poll(&signals, 1, 0) > 0;
}

/* At once, and again and again while it lasts: nobody reads a log from its beginning. */
static void warn_of_passed_over(struct spool *spool)
{
    const struct services *services = spool->options.services;
    int64_t now_ms = clock_monotonic_ms(services->clock);

    if (spool->passed_over == 0) {
        spool->warn_after_ms = 0;
        return;
    }
    if (spool->warn_after_ms > now_ms)
        return;
    spool->warn_after_ms = now_ms + SPOOL_WARNING_MS;
    log_warning(services->log, "spooled files are passed over",
                LOG_NUMBER("files", spool->passed_over), LOG_TEXT("first", spool->first_name),
                LOG_TEXT("reason", error_for_log(&spool->first_reason)));
}

static void end_look(struct spool *spool)
{
    struct error error;

    error_clear(&error);
    if (!spool_order_end(spool->order, &error))
        tell_unsaved(spool, &error);
}

bool spool_apply(struct spool *spool, struct spool_result *result, struct error *error)
{
    struct dirent **entries;
    bool succeeded = true;
    int done = 0;

    *result = (struct spool_result){0};
    spool->passed_over = 0;
    drain_notifications(spool);
    int count = scandirat(spool->directory, ".", &entries, is_spooled, compare_names);
    if (count < 0)
        return fail_on_file(spool, "read", error);
    while (succeeded && done < count && !has_signal(spool)) {
        int taken = fill_batch(spool, entries + done, count - done, error);
        succeeded = taken > 0 && (spool->batch->count == 0 || apply_batch(spool, result, error));
        done += taken;
    }
    clear_batch(spool->batch);
    if (succeeded && done == count)
        end_look(spool);
    warn_of_passed_over(spool);
    result->passed_over = spool->passed_over;
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return succeeded &&
           (spool->bad < 0 || spool_aside_erase(spool->bad, spool->options.database,
                                                &spool->erased_at, &result->erased, error));
}
