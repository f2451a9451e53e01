/*
 * Runs a fuzz target over its corpus, once per file: the folder given, or of the environment's
 * FUZZ_CORPUS the one that is called as the target. One TAP line each; a finding is a crash, which
 * the test driver reports.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define CORPUS_FILE_MAX_BYTES (1024 * 1024)

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void replay(const char *folder, const char *name, int number)
{
    char path[PATH_MAX + NAME_MAX + 2];
    uint8_t *data = malloc(CORPUS_FILE_MAX_BYTES);
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (!data || !file) {
        printf("not ok %d - %s cannot be read\n", number, name);
    } else {
        size_t size = fread(data, 1, CORPUS_FILE_MAX_BYTES, file);
        uint8_t *exact = malloc(size > 0 ? size : 1); /* so that a sanitizer sees its end */

        FUZZ_CHECK(exact);
        memcpy(exact, data, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        printf("ok %d - %s\n", number, name);
    }
    if (file)
        fclose(file);
    free(data);
    fflush(stdout);
}

int main(int count, char **arguments)
{
    const char *corpora = getenv("FUZZ_CORPUS");
    const char *target = strrchr(arguments[0], '_');
    char folder[PATH_MAX];
    struct dirent **entries;

    snprintf(folder, sizeof(folder), "%s/%s", corpora != NULL ? corpora : ".",
             target != NULL ? target + 1 : "");
    if (count > 1)
        snprintf(folder, sizeof(folder), "%s", arguments[1]);
    int found = scandir(folder, &entries, is_input, alphasort);

    printf("1..%d\n", found > 0 ? found : 1);
    if (found <= 0) {
        printf("not ok 1 - no input in %s\n", folder);
        return 1;
    }
    for (int i = 0; i < found; i++) {
        replay(folder, entries[i]->d_name, i + 1);
        free(entries[i]);
    }
    free(entries);
    return 0;
}
