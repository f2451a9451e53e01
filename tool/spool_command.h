/*
 * `messagerie spool DIR`: applies what the booking back-end leaves in DIR, a process like the other
 * services (common/process.h).
 */
#ifndef MESSAGERIE_TOOL_SPOOL_COMMAND_H
#define MESSAGERIE_TOOL_SPOOL_COMMAND_H

#include <stdbool.h>

#include "common/error.h"

/* How often the directory is looked at when nothing tells of new files. */
#define SPOOL_LOOK_INTERVAL_MS 2000
/* How long it waits after the database or the directory could not be used. */
#define SPOOL_RETRY_INTERVAL_MS 500

/* Runs it on the configuration of that path (see config_load) until it is told to end; `once`:
 * applies what is there and returns. False with error.detail or a text. To be called by a main,
 * before it has threads: the time zone and the signals are the process's. */
bool spool_command_run(const char *config_path, const char *directory, bool once,
                       struct error *error);

#endif
