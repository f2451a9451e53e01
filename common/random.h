/*
 * Randomness. Nothing else in the project asks the system for it, so that a test can replay a run
 * from a seed. random_system is cryptographically strong and safe in any thread; a seeded source
 * is for tests and belongs to one thread.
 */
#ifndef MESSAGERIE_COMMON_RANDOM_H
#define MESSAGERIE_COMMON_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random_source {
    void (*fill)(void *context, void *out, size_t length);
    void *context;
};

/* getrandom(2). */
extern const struct random_source random_system;

/* Fills length bytes. Never fails: without randomness the process ends. */
void random_fill(const struct random_source *source, void *out, size_t length);

/* A repeatable source for tests over *state, which the caller owns and has set to a seed. */
struct random_source random_seeded(uint64_t *state);

#endif
