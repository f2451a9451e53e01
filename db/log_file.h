/*
 * A virtual file system of SQLite (https://sqlite.org/vfs.html) that joins the writes to a
 * write-ahead log. SQLite writes each page of a transaction to the log in two calls, its head of 24
 * bytes and itself; all follow each other, so that here they are collected and go out together, at
 * the latest when the file is synchronized. That made a third of a write's system calls.
 *
 * Right only with synchronous=FULL: every commit is then synchronized before another connection is
 * told of its pages. All files but the log, and everything but writing, are the default file
 * system's.
 *
 * For db/statement.c alone.
 */
#ifndef MESSAGERIE_DB_LOG_FILE_H
#define MESSAGERIE_DB_LOG_FILE_H

/* What is collected at most, in bytes: 30 pages. SQLite's file system for Unix takes less than
 * 128 KiB in one call. */
#define LOG_FILE_PENDING_BYTES (124 * 1024)

/* Makes it known to SQLite; once in a process, before its first connection. NULL when that was not
 * possible, else its name, for sqlite3_open_v2. */
const char *log_file_register(void);

#endif
