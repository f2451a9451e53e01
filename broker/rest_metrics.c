#include "broker/rest_metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/exposition.h"
#include "common/counters.h"

#define PREFIX "messagerie_rest_"
/* Labels of one value: three texts of a layout, their names, a status. */
#define LABELS_BYTES 256

struct programs {
    struct counters files[REST_METRICS_FILES_MAX];
    size_t count;
};

/* ---- the files ----------------------------------------------------------------------------- */

static int is_file_of_counters(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    size_t suffix_length = strlen(COUNTERS_SUFFIX);

    return length > suffix_length &&
           strcmp(entry->d_name + length - suffix_length, COUNTERS_SUFFIX) == 0;
}

static void read_files(struct programs *programs, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_file_of_counters, alphasort);
    DIR *directory = count > 0 ? opendir(folder) : NULL;

    for (int i = 0; i < count; i++) {
        if (directory != NULL && programs->count < REST_METRICS_FILES_MAX &&
            counters_read(dirfd(directory), entries[i]->d_name, &programs->files[programs->count]))
            programs->count++;
        free(entries[i]);
    }
    if (directory != NULL)
        closedir(directory);
    if (count >= 0)
        free(entries);
}

/* ---- the text ------------------------------------------------------------------------------ */

static void write_route(const struct counters *counters, size_t route, struct buffer *out)
{
    const struct counters_route *described = &counters->layout.routes[route];

    for (size_t i = 0; i < COUNTERS_STATUSES_MAX; i++) {
        char labels[LABELS_BYTES];
        if (counters->requests[route][i] == 0)
            continue;
        snprintf(labels, sizeof(labels), "program=\"%s\",method=\"%s\",route=\"%s\",status=\"%d\"",
                 counters->layout.program, described->method, described->pattern,
                 (int)counters->layout.statuses[i]);
        exposition_value(out, PREFIX "requests_total", labels, counters->requests[route][i]);
    }
}

static void write_requests(const struct programs *programs, struct buffer *out)
{
    exposition_head(out, PREFIX "requests_total", "counter",
                    "Requests that were answered, by route and status.");
    for (size_t i = 0; i < programs->count; i++)
        for (size_t route = 0; route < COUNTERS_ROUTES_MAX; route++)
            write_route(&programs->files[i], route, out);
}

static void label_program(const struct counters *counters, char labels[LABELS_BYTES])
{
    snprintf(labels, LABELS_BYTES, "program=\"%s\"", counters->layout.program);
}

static void write_durations(const struct programs *programs, struct buffer *out)
{
    exposition_head(out, PREFIX "request_seconds", "histogram",
                    "From the head of a request to its answer.");
    for (size_t i = 0; i < programs->count; i++) {
        char labels[LABELS_BYTES];
        label_program(&programs->files[i], labels);
        exposition_histogram(out, PREFIX "request_seconds", labels, &programs->files[i].duration);
    }
}

/* `offset`: of the counter in struct counters. */
static void write_counter(const struct programs *programs, const char *name, const char *help,
                          size_t offset, struct buffer *out)
{
    exposition_head(out, name, "counter", help);
    for (size_t i = 0; i < programs->count; i++) {
        char labels[LABELS_BYTES];
        uint64_t value;
        label_program(&programs->files[i], labels);
        memcpy(&value, (const char *)&programs->files[i] + offset, sizeof(value));
        exposition_value(out, name, labels, value);
    }
}

static void write_programs(const struct programs *programs, struct buffer *out)
{
    write_requests(programs, out);
    write_durations(programs, out);
    write_counter(programs, PREFIX "origins_refused_total",
                  "Requests of pages that may not read the answer.",
                  offsetof(struct counters, origins_refused), out);
    write_counter(programs, PREFIX "database_commits_total", "Transactions.",
                  offsetof(struct counters, commits), out);
    write_counter(programs, PREFIX "database_operations_total", "Operations in them.",
                  offsetof(struct counters, operations), out);
    write_counter(programs, PREFIX "database_failures_total",
                  "Times that the database could not be used.", offsetof(struct counters, failures),
                  out);
}

void rest_metrics_write(const char *folder, struct buffer *out)
{
    struct programs *programs = folder[0] != '\0' ? calloc(1, sizeof(*programs)) : NULL;

    if (programs == NULL)
        return;
    read_files(programs, folder);
    if (programs->count > 0)
        write_programs(programs, out);
    free(programs);
}
