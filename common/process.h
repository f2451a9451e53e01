/*
 * The skeleton of every program that stays: what lies between main() and the program's own work,
 * and between that and the exit code. A program is a table and what it does:
 *
 *   struct jobs { … };
 *
 *   static bool run(struct process *process, void *owner, struct error *error)
 *   {
 *       struct jobs *jobs = owner;
 *       bool succeeded = open_all(jobs, process, error);
 *       if (succeeded) {
 *           process_tell_ready(process, LOG_NUMBER("workers", …));
 *           process_wait(process);
 *           log_info(&process->log, "stopping");
 *       }
 *       close_all(jobs);
 *       return succeeded;
 *   }
 *
 *   int main(int argc, char **argv)
 *   {
 *       static const struct configuration_kind kind = {.bytes = sizeof(struct configuration)};
 *       static const struct program program = {
 *           .name = "jobs",
 *           .file = "messagerie-jobs",
 *           .purpose = "Does what messagerie has put off.",
 *           .configuration = &kind,
 *           .run = run,
 *       };
 *       struct jobs jobs = {0};
 *       return process_main(&program, &jobs, argc, argv);
 *   }
 *
 * Options: --config FILE, --check, --help, --version, and those of the table.
 *
 * Signals, which are blocked before any thread is made and never interrupt a call:
 *   SIGTERM, SIGINT  the program is told to end, in its own time
 *   SIGHUP           the configuration is read again. All live keys apply at once; of each fixed
 * key that was changed the log says that it needs a restart. A bad configuration is logged, and the
 * old one kept. SIGPIPE          ignored A child process inherits that: reset mask and SIGPIPE in
 * it.
 *
 * Log: "ready", "stopped" or, as an error with its reason, "can't start"; "failed" when it ended
 * after "ready". Exit code: 0 when it was told to end, or had only to check or tell something; 1
 * when it could not.
 *
 * Everything here belongs to the main thread, but for what says otherwise.
 */
#ifndef MESSAGERIE_COMMON_PROCESS_H
#define MESSAGERIE_COMMON_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/configuration.h"
#include "common/error.h"
#include "common/log.h"
#include "common/services.h"

/* Options that a table may have. */
#define PROCESS_OPTIONS_MAX 8
/* Descriptors of each process that are not connections: database, log, bus, epoll, listeners. */
#define PROCESS_RESERVED_DESCRIPTORS 256

struct process;

struct process_option {
    const char *name;     /* "socket" */
    const char *argument; /* in --help: "PATH"; NULL: it takes none */
    const char *help;     /* lines of at most 60 characters, with line feeds between */
};

struct program {
    const char *name;    /* in each log line */
    const char *file;    /* what is executed: in --help, --version and complaints of options */
    const char *purpose; /* the sentence of --help */
    const struct process_option *options; /* the last one has no name; NULL: none */
    const struct configuration_kind *configuration;

    /* Whether it writes dates for people: [appointments] time_zone becomes the process's. */
    bool uses_local_time;

    /* The fixed key, "fastcgi.max_connections" say, of how many connections it may hold: the limit
     * of descriptors is raised to them, `further_descriptors` and PROCESS_RESERVED_DESCRIPTORS
     * where the system allows it, else the log says so. NULL: the limit is left alone. */
    const char *connections_key;
    int64_t further_descriptors;

    /* Opens everything, tells that it is ready, works until it is told to end, closes everything.
     * False with *error when it can't. */
    bool (*run)(struct process *process, void *owner, struct error *error);

    /* `configuration` is the present one from now on, until this is called again and has returned;
     * the one before may be gone then. Called by process_take_signal. NULL: whoever needs the
     * present one acquires it each time. */
    void (*on_reload)(void *owner, const struct configuration *configuration);
};

/* For `run`, which may use all but the last group. */
struct process {
    struct log log; /* its level follows log.level */
    struct log_sink sink;
    struct id_source ids;
    struct services services;
    struct configuration_holder *configuration; /* any thread may acquire */
    int signals; /* a descriptor, readable when process_take_signal has something to take */

    const struct program *program;
    void *owner;
    const char *config_path;
    const char *option_values[PROCESS_OPTIONS_MAX];
    bool is_ready;
};

/* ---- a program of its own -------------------------------------------------------------------- */

/* The body of a main; returns its exit code. `owner` is handed to the table's functions. */
int process_main(const struct program *program, void *owner, int argc, char **argv);

/* The value of an option of the table, "" for one without argument; NULL when it was not given. */
const char *process_option(const struct process *process, const char *name);

/* Logs that it is ready, with fields as log_info has them. */
#define process_tell_ready(process_, ...)                                                          \
    do {                                                                                           \
        (process_)->is_ready = true;                                                               \
        log_info(&(process_)->log, "ready", __VA_ARGS__);                                          \
    } while (0)

enum process_signal { PROCESS_NO_SIGNAL, PROCESS_RELOADED, PROCESS_END };

/* Takes one signal, if one has come, without waiting; after SIGHUP the configuration has been read
 * again. A program with a loop calls this until there is none whenever `signals` is readable. */
enum process_signal process_take_signal(struct process *process);

/* Waits until the process is told to end, taking all signals: for a program whose threads do the
 * work. */
void process_wait(struct process *process);

/* ---- a command of a larger program ----------------------------------------------------------- */

/* What process_main does but for options and the log's words on the end, which are the caller's:
 * loads from `config_path` (as config_load has it), runs. False with *error. */
bool process_run(const struct program *program, void *owner, const char *config_path,
                 struct error *error);

/* ---- a program that does not stay (plain CGI) ------------------------------------------------ */

/* Standard descriptors that are closed are opened on /dev/null, so that no file takes their place;
 * SIGPIPE is ignored; log and services are set up. To be ended with process_close. */
void process_open(struct process *process, const struct program *program, void *owner);

/* Loads the configuration, and does what the table says of the log, the time zone and weak secrets.
 * False with *error. */
bool process_load(struct process *process, const char *config_path, struct error *error);

void process_close(struct process *process);

#endif
