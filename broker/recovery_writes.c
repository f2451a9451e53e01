#include "broker/recovery_writes.h"

#include <stdlib.h>
#include <string.h>

#include "broker/worker.h"
#include "common/container.h"
#include "db/recovery.h"

/* With copies of all texts: the client may be gone before it is written. */
struct recovery_write {
    struct worker_request request;
    struct recovery_reference reference;
    struct recovery_room room;
    char pid[CLIENT_PID_BYTES];
    char conversation_id[ID_BYTES];
    struct broker_parts *parts;
    struct recovery_write *next; /* of those that are given up */
};

static void on_recovery_written(struct worker_request *request)
{
    free(CONTAINER_OF(request, struct recovery_write, request));
}

static struct recovery_write *make_write(const struct client *client)
{
    struct recovery_write *write = client->pid[0] != '\0' ? calloc(1, sizeof(*write)) : NULL;

    if (write == NULL)
        return NULL;
    memcpy(write->pid, client->pid, sizeof(write->pid));
    write->reference.pid = write->pid;
    write->room.pid = write->pid;
    write->room.conversation_id = write->conversation_id;
    write->request.on_done = on_recovery_written;
    write->parts = client->parts;
    return write;
}

static void on_given_up(struct worker_request *request)
{
    struct recovery_write *write = CONTAINER_OF(request, struct recovery_write, request);
    struct recovery_write **link = &write->parts->given_up;

    while (*link != write)
        link = &(*link)->next;
    *link = write->next;
    free(write);
}

/* Until it is deleted, for which the database may have to be waited for, whoever comes back with it
 * is asked for here. Only a broker that is killed before that leaves it for the next one. */
bool recovery_writes_give_up(struct client *client)
{
    struct broker_parts *parts = client->parts;
    struct recovery_write *write = make_write(client);

    if (client->pid[0] == '\0')
        return true;
    if (write == NULL)
        return false;
    client->pid[0] = '\0';
    write->next = parts->given_up;
    parts->given_up = write;
    write->request.operation = recovery_close(&write->reference);
    write->request.is_patient = true;
    write->request.on_done = on_given_up;
    worker_write(parts->worker, &write->request);
    return true;
}

bool recovery_writes_are_given_up(const struct broker_parts *parts, const char *pid)
{
    const struct recovery_write *write = parts->given_up;

    while (write != NULL && strcmp(write->pid, pid) != 0)
        write = write->next;
    return write != NULL;
}

void recovery_writes_suspend(const struct client *client)
{
    struct recovery_write *write = make_write(client);

    if (write == NULL)
        return;
    write->request.operation = recovery_suspend(&write->reference);
    worker_write(client->parts->worker, &write->request);
}

void recovery_writes_close(const struct client *client)
{
    struct recovery_write *write = make_write(client);

    if (write == NULL)
        return;
    write->request.operation = recovery_close(&write->reference);
    worker_write(client->parts->worker, &write->request);
}

void recovery_writes_forget_room(const struct client *client, const char *conversation_id)
{
    struct recovery_write *write = make_write(client);

    if (write == NULL)
        return;
    strncpy(write->conversation_id, conversation_id, sizeof(write->conversation_id) - 1);
    write->request.operation = recovery_forget_room(&write->room);
    worker_write(client->parts->worker, &write->request);
}
