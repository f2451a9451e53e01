/*
 * What a valid configuration meets on this machine: files that others can read or change, folders
 * that are missing or can't be written, addresses at which nobody can listen, or everybody can ask.
 * It is looked at as it is for the user who asks; nothing is opened, made or changed.
 *
 * Warnings, not errors: the programs may be started by another user, on a socket that they inherit,
 * or after their folders have been made.
 */
#ifndef MESSAGERIE_TOOL_CONFIG_CHECK_H
#define MESSAGERIE_TOOL_CONFIG_CHECK_H

#include "common/config.h"

/* Of one warning, with its NUL; a longer one is cut. */
#define CONFIG_WARNING_BYTES 2048

/* Tells one warning: an English sentence, valid until it returns. */
typedef void config_warn(void *context, const char *text);

/* `path` is the file that the configuration came from, which may be missing; `origins` are those of
 * config_load_to_show for it. */
void config_check(const char *path, const struct config *config,
                  const struct config_origins *origins, config_warn *warn, void *context);

#endif
