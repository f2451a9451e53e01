/*
 * What the spool has applied past files that it could not take.
 *
 * Files are applied in the order of their names, but one that can't be read keeps back no other.
 * When it can be read at last, something newer may be known of its appointment, which a change
 * without version would undo: nothing in it tells that it is older. So the files that were passed
 * over are remembered, and the appointments that later files have changed meanwhile. It stands in
 * DIR/.passed-over, as a restart is often what mends a file, and goes with the last such file.
 *
 * Bounded: of more files, or appointments, than there is room for, each counts as remembered. Such
 * a change is then put aside, for a person to look at, rather than applied.
 */
#ifndef MESSAGERIE_TOOL_SPOOL_ORDER_H
#define MESSAGERIE_TOOL_SPOOL_ORDER_H

#include <stdbool.h>

#include "common/error.h"

#define SPOOL_ORDER_NAME ".passed-over"
/* Files that are remembered as passed over, and appointments that were changed past them. */
#define SPOOL_ORDER_FILES        1024
#define SPOOL_ORDER_APPOINTMENTS 4096

struct spool_order;

/* Reads what the last process has left in the directory, a descriptor, which is borrowed. What
 * can't be read there counts as nothing. NULL with *error without memory. */
struct spool_order *spool_order_open(int directory, struct error *error);
void spool_order_close(struct spool_order *order);

/* The file was passed over. */
void spool_order_pass(struct spool_order *order, const char *name);

/* The file is about to change the appointment. */
void spool_order_change(struct spool_order *order, const char *name, const char *appointment_id);

/* Whether a file behind this one has changed the appointment while this one was passed over. */
bool spool_order_is_late(const struct spool_order *order, const char *name,
                         const char *appointment_id);

/* Puts what is new on disk: before a commit of what it tells. False with *error when it can't. */
bool spool_order_save(struct spool_order *order, struct error *error);

/* All files were looked at: those that were not passed over since the last call are forgotten. */
bool spool_order_end(struct spool_order *order, struct error *error);

#endif
