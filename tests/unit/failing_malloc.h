/*
 * Allocation failure on demand: a test program that links this has a malloc, calloc and realloc of
 * its own, also for the libraries that it uses, which can be told to fail once.
 *
 * Sanitizers bring their own malloc. Under them FAILING_MALLOC_WORKS is 0 and such tests are to be
 * left out of the program's table.
 */
#ifndef MESSAGERIE_TESTS_FAILING_MALLOC_H
#define MESSAGERIE_TESTS_FAILING_MALLOC_H

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAILING_MALLOC_WORKS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FAILING_MALLOC_WORKS 0
#endif
#endif
#ifndef FAILING_MALLOC_WORKS
#define FAILING_MALLOC_WORKS 1
#endif

/*
 * Runs `attempt` again and again, with the first allocation of this thread failing, then the
 * second, and so on, until a run meets no failure. An attempt does the work, checks that what it
 * got is whole or an error, frees it all, and returns whether it succeeded. Asserts that a failure
 * was met, that the run without failure succeeded, and that no attempt left memory behind, unless
 * `may_leak`: where a library is known to do so.
 */
void run_with_failing_malloc(bool (*attempt)(void *context), void *context, bool may_leak);

#endif
