#include "db/sqlite/writers_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "db/sqlite/files.h"

/* Bytes of the file, which need not exist. Who waits for the lock holds the place at the head of
 * the queue, so that nobody who comes later, but happens to run when the lock is given back, gets
 * it first. */
enum { BYTE_HEAD_OF_QUEUE, BYTE_LOCK, BYTE_CHECKPOINT, BYTE_USE };

static int control(int descriptor, int command, short type, int byte)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    int result;

    do
        result = fcntl(descriptor, command, &lock);
    while (result != 0 && errno == EINTR);
    return result;
}

int writers_lock_open(const char *path, struct error *error)
{
    int descriptor = open(path, O_RDWR | O_CLOEXEC);

    if (descriptor < 0 && errno == ENOENT &&
        (file_make(path, DATABASE_FILE_MODE) || errno == EEXIST))
        descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        error_unavailable(error, "%s: %s", path, strerror(errno));
    return descriptor;
}

bool writers_lock_take(int descriptor, struct error *error)
{
    bool succeeded = control(descriptor, F_OFD_SETLKW, F_WRLCK, BYTE_HEAD_OF_QUEUE) == 0 &&
                     control(descriptor, F_OFD_SETLKW, F_WRLCK, BYTE_LOCK) == 0;

    if (!succeeded)
        error_unavailable(error, "lock: %s", strerror(errno));
    control(descriptor, F_OFD_SETLK, F_UNLCK, BYTE_HEAD_OF_QUEUE);
    return succeeded;
}

void writers_lock_give_back(int descriptor)
{
    control(descriptor, F_OFD_SETLK, F_UNLCK, BYTE_LOCK);
}

bool writers_lock_try_checkpoint(int descriptor)
{
    return control(descriptor, F_OFD_SETLK, F_WRLCK, BYTE_CHECKPOINT) == 0;
}

void writers_lock_end_checkpoint(int descriptor)
{
    control(descriptor, F_OFD_SETLK, F_UNLCK, BYTE_CHECKPOINT);
}

bool writers_lock_try_use(int descriptor)
{
    return control(descriptor, F_OFD_SETLK, F_RDLCK, BYTE_USE) == 0;
}

bool writers_lock_try_alone(int descriptor)
{
    return control(descriptor, F_OFD_SETLK, F_WRLCK, BYTE_USE) == 0;
}
