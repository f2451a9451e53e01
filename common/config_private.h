/*
 * What the files of common/config.h share: config_keys.c has the table and looks for keys in it,
 * config_values.c knows the types, config_file.c reads the file, config.c puts it together. Nobody
 * else includes this.
 */
#ifndef MESSAGERIE_COMMON_CONFIG_PRIVATE_H
#define MESSAGERIE_COMMON_CONFIG_PRIVATE_H

#include "common/config.h"

/* How our variables begin. */
#define CONFIG_VARIABLE_PREFIX "MESSAGERIE_"

/* ---- config_keys.c ---- */

/* The key's place in the table. */
size_t config_key_index(const struct config_key *key);

/* NULL when there is none. */
const struct config_key *config_find_in_section(const char *section, const char *name);

/* What was meant by names that are unknown: a key of this very name in another section, else the
 * nearest in this; a section. */
const struct config_key *config_nearest_in_section(const char *section, const char *name);
const char *config_nearest_section(const char *section);

bool config_has_section(const char *section);

/* The key that a variable of ours was meant for: the one with the nearest variable. NULL when it
 * names one exactly, or no section of ours. */
const struct config_key *config_nearest_variable(const char *variable);

/* ---- config_values.c ---- */

/* Checks the value and puts it in its place; `origin` is for the error, and noted in *origins
 * unless that is NULL. False with *error. */
bool config_set_value(struct config *config, const struct config_key *key, const char *value,
                      const char *origin, struct config_origins *origins, struct error *error);

void config_copy_value(const struct config_key *key, struct config *to, const struct config *from);

/* ---- config_file.c ---- */

/* Sets what the file says. False with *error "PATH:LINE: …"; one that is missing is none when it
 * may be. */
bool config_load_file(struct config *config, const char *path, bool may_be_missing,
                      struct config_origins *origins, struct error *error);

#endif
