/*
 * What libFuzzer calls. Each target is one file with this function; tests/fuzz/replay.c calls it
 * with the files of its corpus, so that `make check` runs the targets without clang.
 */
#ifndef MESSAGERIE_TESTS_FUZZ_H
#define MESSAGERIE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold, whatever the input: also in builds without assert. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

#endif
