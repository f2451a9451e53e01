/*
 * The files of the database: who may read them, and whose they are. For db/sqlite/ alone.
 *
 * On a machine that is shared, everybody's umask lets everybody read, and what is in here is nobody
 * else's to read. So nothing that we make has more than DATABASE_FILE_MODE, whatever the umask, and
 * what an earlier version made is brought down to it. SQLite gives its log the mode and the owner
 * of the database.
 *
 * What root makes is its folder's owner's (common/file_owner.h).
 */
#ifndef MESSAGERIE_DB_SQLITE_FILES_H
#define MESSAGERIE_DB_SQLITE_FILES_H

#include <stdbool.h>
#include <sys/types.h>

/* The owner's, and to be read by the group, for backups. */
#define DATABASE_FILE_MODE 0640

/* Makes an empty file, and syncs nothing. False with errno: EEXIST when there is one. */
bool file_make(const char *path, mode_t mode);

/* Takes from the database, its log and its lock what others than DATABASE_FILE_MODE says have,
 * where the files are the user's own. Best effort: a file that can't be changed stays as it is. */
void files_tighten(const char *database_path);

#endif
