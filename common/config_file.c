#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <ini.h>

#include "common/config_private.h"

/*
 * inih splits the lines, but lets pass what an administrator would look for in vain: a misspelt
 * section, a key that is set twice, a line that it has cut, an indented one that it takes for the
 * rest of the value above. So it gets its lines one by one from here, where each is looked at
 * first, and what it finds goes to a handler that knows the keys.
 */

/* ---- lines ----------------------------------------------------------------------------------- */

struct loader {
    struct config *config;
    struct config_origins *origins; /* or NULL */
    struct error *error;
    const char *path;
    FILE *file;
    char *text; /* the line in hand, owned, of getline */
    size_t text_capacity;
    int line;
    char origin[CONFIG_ORIGIN_BYTES]; /* of the line in hand */
    int failed_line;                  /* 0 until *error was set */
    bool is_set[CONFIG_KEYS_MAX];
};

static void begin_line(struct loader *loader)
{
    loader->line++;
    snprintf(loader->origin, sizeof(loader->origin), "%s:%d", loader->path, loader->line);
}

/* "[name]", and behind it nothing but a comment. inih would take any name, cut a long one, and
 * overlook what follows. */
static bool check_section(struct loader *loader, char *text)
{
    char *end = strchr(text, ']');

    if (end == NULL)
        return true; /* inih tells */
    const char *rest = end + 1 + strspn(end + 1, " \t\r\n");
    if (*rest != '\0' && strchr(";#", *rest) == NULL)
        return error_set(loader->error, ERROR_INVALID, "%s: unexpected text behind the section",
                         loader->origin);
    *end = '\0';
    const char *section = text + 1;
    if (!config_has_section(section))
        return error_set(loader->error, ERROR_INVALID,
                         "%s: unknown section [%s]; did you mean [%s]?", loader->origin, section,
                         config_nearest_section(section));
    *end = ']';
    return true;
}

static bool read_line(struct loader *loader, char *out, size_t size)
{
    errno = 0;
    ssize_t length = getline(&loader->text, &loader->text_capacity, loader->file);
    if (length < 0) {
        if (ferror(loader->file) || errno == ENOMEM)
            error_set(loader->error, ERROR_INVALID, "%s: cannot be read: %s", loader->path,
                      strerror(errno));
        return false;
    }
    begin_line(loader);
    if ((size_t)length != strlen(loader->text))
        return error_set(loader->error, ERROR_INVALID, "%s: the line holds a NUL", loader->origin);
    if (strcspn(loader->text, "\r\n") > CONFIG_LINE_MAX_BYTES)
        return error_set(loader->error, ERROR_INVALID, "%s: the line is longer than %d bytes",
                         loader->origin, CONFIG_LINE_MAX_BYTES);
    /* To inih an indented line would continue the value above. */
    char *text = loader->text + strspn(loader->text, " \t");
    if (*text == '[' && !check_section(loader, text))
        return false;
    snprintf(out, size, "%s", text);
    return true;
}

/* The fgets of inih. */
static char *next_line(char *out, int size, void *context)
{
    struct loader *loader = context;

    if (loader->failed_line > 0)
        return NULL;
    if (read_line(loader, out, (size_t)size))
        return out;
    if (loader->error->kind != ERROR_NONE)
        loader->failed_line = loader->line + 1;
    return NULL;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool fail_unknown_key(const char *origin, const char *section, const char *name,
                             struct error *error)
{
    const struct config_key *nearest = config_nearest_in_section(section, name);

    if (strcmp(nearest->section, section) == 0)
        return error_set(error, ERROR_INVALID,
                         "%s: unknown key \"%s\" in [%s]; did you mean \"%s\"?", origin, name,
                         section, nearest->name);
    return error_set(error, ERROR_INVALID,
                     "%s: unknown key \"%s\" in [%s]; did you mean \"%s\" in [%s]?", origin, name,
                     section, nearest->name, nearest->section);
}

static bool take_value(struct loader *loader, const char *section, const char *name,
                       const char *value)
{
    if (section[0] == '\0')
        return error_set(loader->error, ERROR_INVALID, "%s: key \"%s\" stands before any [section]",
                         loader->origin, name);
    const struct config_key *key = config_find_in_section(section, name);
    if (key == NULL)
        return fail_unknown_key(loader->origin, section, name, loader->error);
    if (loader->is_set[config_key_index(key)])
        return error_set(loader->error, ERROR_INVALID, "%s: %s in [%s] is set a second time",
                         loader->origin, name, section);
    loader->is_set[config_key_index(key)] = true;
    return config_set_value(loader->config, key, value, loader->origin, loader->origins,
                            loader->error);
}

/* The handler of inih: 0 tells it that the line is wrong. */
static int handle_value(void *context, const char *section, const char *name, const char *value)
{
    struct loader *loader = context;

    if (loader->failed_line > 0)
        return 0;
    if (take_value(loader, section, name, value))
        return 1;
    loader->failed_line = loader->line;
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool parse_file(struct loader *loader)
{
    ini_max_line = CONFIG_LINE_MAX_BYTES + 3; /* inih wants room for "\r\n" and NUL */
    int wrong_line = ini_parse_stream(next_line, loader, handle_value, loader);

    if (wrong_line < 0)
        return error_set(loader->error, ERROR_INVALID, "%s: out of memory", loader->path);
    /* inih goes on after a line that is wrong to it, so that ours may be a later one. */
    if (wrong_line > 0 && wrong_line != loader->failed_line)
        return error_set(loader->error, ERROR_INVALID,
                         "%s:%d: expected \"key = value\" or \"[section]\"", loader->path,
                         wrong_line);
    return loader->failed_line == 0;
}

bool config_load_file(struct config *config, const char *path, bool may_be_missing,
                      struct config_origins *origins, struct error *error)
{
    struct loader loader = {.config = config, .origins = origins, .error = error, .path = path};

    loader.file = fopen(path, "re");
    if (loader.file == NULL) {
        if (may_be_missing && errno == ENOENT)
            return true;
        return error_set(error, ERROR_INVALID, "%s: cannot be opened: %s", path, strerror(errno));
    }
    bool is_loaded = parse_file(&loader);
    fclose(loader.file);
    if (loader.text != NULL)
        explicit_bzero(loader.text, loader.text_capacity); /* may hold the secret */
    free(loader.text);
    return is_loaded;
}
