#include "common/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/assert.h"

#define LAYOUT_VERSION "msgr-1"
/* The broker may be another user of the programs' group. */
#define FILE_MODE 0640
/* A file that another process has replaced meanwhile is opened once more, so many times. */
#define OPEN_TRIES 8

void counters_begin_layout(struct counters_layout *layout, const char *program)
{
    ASSERT(strlen(program) < sizeof(layout->program));
    strcpy(layout->version, LAYOUT_VERSION);
    strcpy(layout->program, program);
}

/* ---- writing ------------------------------------------------------------------------------- */

enum taken { TAKEN, TAKE_AGAIN, NOT_TAKEN };

/* Room first: a page that the disk has none for would end the process when it is written to. */
static bool fill(int descriptor, const struct counters_layout *layout)
{
    int reason = posix_fallocate(descriptor, 0, sizeof(struct counters));

    if (reason != 0) {
        errno = reason;
        return false;
    }
    return pwrite(descriptor, layout, sizeof(*layout), 0) == (ssize_t)sizeof(*layout);
}

/* With the file's lock, which ends with the descriptor and is nobody's who counts. A file of
 * another layout is left to whoever has it mapped, and replaced. */
static enum taken take_file(int folder, const char *name, int descriptor,
                            const struct counters_layout *layout)
{
    struct counters_layout found;
    struct stat status;

    if (fstat(descriptor, &status) != 0)
        return NOT_TAKEN;
    if (status.st_nlink == 0)
        return TAKE_AGAIN;
    if (status.st_size == 0)
        return fill(descriptor, layout) ? TAKEN : NOT_TAKEN;
    if (status.st_size == sizeof(struct counters) &&
        pread(descriptor, &found, sizeof(found), 0) == (ssize_t)sizeof(found) &&
        memcmp(&found, layout, sizeof(found)) == 0)
        return TAKEN;
    return unlinkat(folder, name, 0) == 0 || errno == ENOENT ? TAKE_AGAIN : NOT_TAKEN;
}

/* A descriptor of the program's file; -1 with errno. */
static int open_file(int folder, const char *name, const struct counters_layout *layout)
{
    for (int i = 0; i < OPEN_TRIES; i++) {
        int descriptor = openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
        if (descriptor < 0)
            return -1;
        enum taken taken = flock(descriptor, LOCK_EX) == 0
                               ? take_file(folder, name, descriptor, layout)
                               : NOT_TAKEN;
        if (taken == TAKEN) {
            flock(descriptor, LOCK_UN);
            return descriptor;
        }
        int reason = errno;
        close(descriptor);
        errno = reason;
        if (taken == NOT_TAKEN)
            return -1;
    }
    errno = EBUSY;
    return -1;
}

static struct counters *map_file(int folder, const char *name, const struct counters_layout *layout)
{
    int descriptor = open_file(folder, name, layout);

    if (descriptor < 0)
        return NULL;
    void *mapped =
        mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    int reason = errno;
    close(descriptor);
    errno = reason;
    if (mapped == MAP_FAILED)
        return NULL;
    return mapped;
}

struct counters *counters_open(const char *folder, const struct counters_layout *layout,
                               struct error *error)
{
    char name[COUNTERS_NAME_BYTES + sizeof(COUNTERS_SUFFIX)];
    struct counters *counters = NULL;

    snprintf(name, sizeof(name), "%s" COUNTERS_SUFFIX, layout->program);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0)
        counters = map_file(descriptor, name, layout);
    if (counters == NULL)
        error_unavailable(error, "%s/%s: %s", folder, name, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return counters;
}

void counters_close(struct counters *counters)
{
    if (counters != NULL)
        munmap(counters, sizeof(*counters));
}

void counters_count_request(struct counters *counters, size_t route, int status,
                            int64_t duration_ms)
{
    const int32_t *statuses = counters->layout.statuses;
    size_t i = 0;

    ASSERT(route < COUNTERS_ROUTES_MAX);
    while (i + 1 < COUNTERS_STATUSES_MAX && statuses[i] != status)
        i++;
    counters_add(&counters->requests[route][i], 1);
    histogram_observe(&counters->duration, duration_ms);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* To stand in quotes as it is. */
static bool is_label(const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    for (size_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
            return false;
    return length < size;
}

static bool is_layout(const struct counters_layout *layout)
{
    bool is_good = strncmp(layout->version, LAYOUT_VERSION, sizeof(layout->version)) == 0 &&
                   is_label(layout->program, sizeof(layout->program));

    for (size_t i = 0; i < COUNTERS_ROUTES_MAX; i++)
        is_good = is_good && is_label(layout->routes[i].method, COUNTERS_METHOD_BYTES) &&
                  is_label(layout->routes[i].pattern, COUNTERS_PATTERN_BYTES);
    return is_good;
}

bool counters_read(int folder, const char *name, struct counters *out)
{
    struct stat status;
    int descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (descriptor < 0)
        return false;
    bool is_read = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
                   status.st_size == sizeof(*out) &&
                   pread(descriptor, out, sizeof(*out), 0) == (ssize_t)sizeof(*out);
    close(descriptor);
    return is_read && is_layout(&out->layout);
}
