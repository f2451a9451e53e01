/*
 * Assertions, on in all builds: they say what only a mistake in this program can break, and end it
 * where it is found rather than where it shows. Never for what a peer, a disk, a configuration or a
 * file can cause: that is a struct error.
 *
 * Any thread. The expression may not have effects that are needed.
 */
#ifndef MESSAGERIE_COMMON_ASSERT_H
#define MESSAGERIE_COMMON_ASSERT_H

#define ASSERT(condition_)                                                                         \
    do {                                                                                           \
        if (!(condition_))                                                                         \
            assert_failed(#condition_, __FILE__, __LINE__, __func__);                              \
    } while (0)

/* Tells standard error what does not hold and where, and aborts. */
void assert_failed(const char *condition, const char *file, int line, const char *function)
    __attribute__((noreturn)); /* _Noreturn is nothing to cppcheck */

#endif
