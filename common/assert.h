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
    ((condition_) ? (void)0 : assert_failed(#condition_, __FILE__, __LINE__, __func__))

/* Tells standard error what does not hold and where, and aborts. */
_Noreturn void assert_failed(const char *condition, const char *file, int line,
                             const char *function);

#endif
