/*
 * Whose a new file is. What root makes in somebody's folder belongs to who owns the folder: else
 * those who run the programs could not use what root has administrated. SQLite does the same with
 * its log.
 */
#ifndef MESSAGERIE_COMMON_FILE_OWNER_H
#define MESSAGERIE_COMMON_FILE_OWNER_H

#include <stdbool.h>

/* Gives the file `name` in `folder` (a descriptor) to the folder's owner and group, if root asks
 * and the folder is not root's; else nothing is to be done. Only for a file that this process has
 * just made, and found none at its name: one that was there may be a second name of any file of
 * root's. False with errno. */
bool file_give_to_owner_of_folder(int folder, const char *name);

#endif
