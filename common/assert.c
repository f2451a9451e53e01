#include "common/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Not through the log, whose owner may be what is broken; one write, so that the line stays whole
 * beside those of other processes. */
void assert_failed(const char *condition, const char *file, int line, const char *function)
{
    dprintf(STDERR_FILENO, "%s:%d: %s: does not hold: %s\n", file, line, function, condition);
    abort();
}
