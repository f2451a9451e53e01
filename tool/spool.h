/*
 * The booking back-end's fire-and-forget way in: a directory in which it leaves one JSON file per
 * change, and from which we apply them.
 *
 * A file holds the body of POST /messaging/appointments, or that of PATCH with `appointmentId`
 * beside. Its name ends in ".json" and does not begin with a dot: what uploaders and editors use
 * meanwhile is left alone, so that a file which is renamed when it is whole is never seen before.
 * Files are applied in the bytewise order of their names, some in one commit, and removed after it.
 * One that can never be applied goes to DIR/bad/, with the reason in DIR/bad/NAME.reason.
 *
 * No file keeps back another. One that can't be read, or moved, or removed after it was applied, is
 * passed over, which the log tells at once and then every SPOOL_WARNING_MS. When it can be taken at
 * last, and a later file has changed the same appointment meanwhile, its version tells which is
 * newer; a change without one goes to DIR/bad/ (tool/spool_order.h): no older state is put in the
 * place of a newer one. One that was read is
 * not applied a second time for that, as long as the process lives and the file stays what it is;
 * up to SPOOL_DONE_FILES of them. While the database can't be used everything waits, in order.
 *
 * When somebody is erased, what names them in DIR/bad/ goes (tool/spool_aside.h).
 *
 * Being killed at any point loses nothing: files whose commit was done are applied once more, which
 * changes nothing. For that a change without version is the last one of its appointment in a
 * commit.
 */
#ifndef MESSAGERIE_TOOL_SPOOL_H
#define MESSAGERIE_TOOL_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "common/services.h"
#include "db/appointment.h"
#include "db/database.h"

/* Files that share a commit at most, and how much they may hold before the last one is read. */
#define SPOOL_BATCH_FILES DATABASE_BATCH_OPERATIONS
#define SPOOL_BATCH_BYTES 1048576
/* Between two lines about files that are passed over, in milliseconds. */
#define SPOOL_WARNING_MS 60000
/* Files that are done with and could not be removed, which are remembered. */
#define SPOOL_DONE_FILES 4096

struct spool_options {
    const char *directory;
    struct database *database;
    const struct appointment_texts *texts;
    const struct config *config;
    const struct services *services;
    int signals; /* a descriptor: once it is readable, no further commit is begun; -1: none */
};

struct spool;

/* Takes the directory for this process alone. NULL with *error (English): it is not there, cannot
 * be written to, or another process works on it. Borrows what the options point at. */
struct spool *spool_open(const struct spool_options *options, struct error *error);
void spool_close(struct spool *spool);

/* Applies the files to come with these, which are borrowed, too. */
void spool_use_configuration(struct spool *spool, const struct config *config,
                             const struct appointment_texts *texts);

struct spool_result {
    int64_t applied;
    int64_t refused;     /* moved to bad/ */
    int64_t erased;      /* gone from there (tool/spool_aside.h) */
    int64_t passed_over; /* still there */
};

/* Applies all files that are there now, unless a signal comes first. False with *error when it had
 * to stop before the end, the directory or the database being out of order; calling again goes on
 * there. */
bool spool_apply(struct spool *spool, struct spool_result *result, struct error *error);

/* A descriptor that becomes readable when files arrive, for poll; spool_apply takes note. -1 where
 * the system can't tell: whoever looks now and then finds them, too. */
int spool_descriptor(const struct spool *spool);

#endif
