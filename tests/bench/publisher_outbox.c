/* Publishing as the FastCGI programs do: by libdb's writer, its outbox, and nanomsg. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "db/announcement.h"
#include "db/database.h"
#include "tests/bench/publisher.h"

/* nanomsg connects in a thread of its own. */
#define CONNECT_WAIT_US 200000

struct outbox {
    struct publisher publisher;
    struct log log;
    struct id_source ids;
    struct services services;
    struct config *config;
    struct bus_sender *bus;
    struct database *database;
    const char *user_id;
};

/* Argument of the operation. */
struct burst {
    const struct outbox *outbox;
    size_t count;
    int64_t time_ns;
};

_Noreturn static void fail(const struct error *error)
{
    fprintf(stderr, "outbox: %s %s\n", error->text, error->detail);
    exit(1);
}

DATABASE_OPERATION(append_burst, const struct burst);

bool append_burst_run(struct transaction *transaction, const struct burst *burst,
                      struct error *error)
{
    char message[PUBLISHER_MESSAGE_BYTES];
    struct buffer payload = BUFFER_EMPTY;
    bool succeeded = true;

    publisher_write_message(message, burst->time_ns);
    buffer_append(&payload, message, sizeof(message));
    for (size_t i = 0; succeeded && i < burst->count; i++)
        succeeded = announce_to_user(transaction, "new-message", burst->outbox->user_id, NULL, NULL,
                                     &payload, error);
    buffer_free(&payload);
    return succeeded;
}

static void publish_outbox(struct publisher *publisher, size_t count, int64_t time_ns)
{
    struct outbox *outbox = (struct outbox *)(void *)publisher;
    struct burst burst = {outbox, count, time_ns};
    struct error error;

    error_clear(&error);
    if (!database_write(outbox->database, append_burst(&burst), &error))
        fail(&error);
}

static void on_committed(void *context, const struct event *event)
{
    bus_send(context, event);
}

static void close_outbox(struct publisher *publisher)
{
    struct outbox *outbox = (struct outbox *)(void *)publisher;

    database_free(outbox->database);
    bus_sender_free(outbox->bus);
    config_free(outbox->config);
    free(outbox);
}

struct publisher *publisher_open_outbox(const char *description)
{
    struct outbox *outbox = allocate(1, sizeof(*outbox));
    char path[PATH_MAX];
    const char *comma = publisher_split(description, ',', path, sizeof(path));
    struct error error;

    error_clear(&error);
    outbox->publisher =
        (struct publisher){.publish = publish_outbox, .close = close_outbox, .answers = {0}};
    outbox->log = (struct log){"bench", LOG_LEVEL_WARNING, STDERR_FILENO, &clock_system, NULL};
    id_source_init(&outbox->ids, &clock_system, &random_system);
    outbox->services = (struct services){&outbox->log, &clock_system, &random_system, &outbox->ids};
    outbox->user_id = comma + 1;
    outbox->config = config_load(path, &error);
    if (outbox->config == NULL)
        fail(&error);
    outbox->bus = bus_sender_create(&outbox->config->bus_brokers, &error);
    if (outbox->bus == NULL)
        fail(&error);
    struct database_options options = database_options_from(outbox->config);
    options.committed = on_committed;
    options.committed_context = outbox->bus;
    outbox->database = database_create(&options, &outbox->services, &error);
    if (outbox->database == NULL || !database_prepare(outbox->database, &error))
        fail(&error);
    usleep(CONNECT_WAIT_US);
    return &outbox->publisher;
}
