/*
 * Removes a folder with all that is in it; links are not followed.
 */
#ifndef MESSAGERIE_TESTS_UNIT_REMOVE_FOLDER_H
#define MESSAGERIE_TESTS_UNIT_REMOVE_FOLDER_H

#include <ftw.h>
#include <stdio.h>

#include "tests/unit/unit_test.h"

/* Folders that are open at once while walking. */
#define REMOVE_FOLDER_DEPTH 8

static inline int remove_entry(const char *path, const struct stat *status, int kind,
                               struct FTW *position)
{
    (void)status;
    (void)kind;
    (void)position;
    return remove(path);
}

static inline void remove_folder(const char *path)
{
    assert_int_equal(nftw(path, remove_entry, REMOVE_FOLDER_DEPTH, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
