#include "broker/connections.h"

#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/container.h"

/* An address with its connections. */
struct address {
    struct table_entry entry;
    int64_t count;
    char text[];
};

static struct engineio_verdict refuse_handshake(const char *message)
{
    return (struct engineio_verdict){.status = 503, .message = message};
}

/* Finds or makes it; NULL without memory. */
static struct address *take_address(struct connections *connections, const char *text)
{
    struct table_entry *entry = table_find(&connections->addresses, text);
    size_t size = strlen(text) + 1;

    if (entry != NULL)
        return CONTAINER_OF(entry, struct address, entry);
    struct address *address = calloc(1, sizeof(*address) + size);
    if (address == NULL)
        return NULL;
    memcpy(address->text, text, size);
    address->entry.key = address->text;
    if (table_add(&connections->addresses, &address->entry))
        return address;
    free(address);
    return NULL;
}

/* Counted also while no address is limited: the limit may be set while they are connected. */
struct engineio_verdict connections_take(struct connections *connections,
                                         const struct config *config, const char *text)
{
    const int64_t limit = config->broker_max_connections_per_address;
    struct address *address;

    if (connections->count >= (size_t)config->broker_max_connections)
        return refuse_handshake("Trop de connexions");
    address = take_address(connections, text);
    if (address == NULL)
        return refuse_handshake("Mémoire insuffisante");
    if (limit > 0 && address->count >= limit)
        return refuse_handshake("Trop de connexions de cette adresse");
    address->count++;
    connections->count++;
    return (struct engineio_verdict){.user = address};
}

void connections_drop(struct connections *connections, void *user)
{
    struct address *address = user;

    ASSERT(connections->count > 0);
    connections->count--;
    ASSERT(address->count > 0);
    if (--address->count > 0)
        return;
    table_remove(&connections->addresses, &address->entry);
    free(address);
}

void connections_free(struct connections *connections)
{
    table_free(&connections->addresses);
}
