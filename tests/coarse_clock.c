/*
 * A wall clock that moves every half second: what a program does in one step of it has one time, as
 * on a machine that is so fast that all of it takes less than a millisecond. tests/repeat loads it
 * into our programs (LD_PRELOAD).
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STEP_NS 500000000

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the header's are reserved
int clock_gettime(clockid_t which, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, which, now);

    if (result == 0 && which == CLOCK_REALTIME)
        now->tv_nsec = now->tv_nsec / STEP_NS * STEP_NS;
    return result;
}
