#include "broker/connections.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broker/protocol/socketio_connection.h"
#include "common/assert.h"
#include "common/container.h"
#include "common/token.h"

/* A connection, from its handshake to its end. */
struct arrival {
    struct address *address;
    struct arrival *next, *previous;        /* of the address, while it has no user */
    struct socketio_connection *connection; /* NULL before it is open */
    char *token;                            /* of its handshake's headers, or NULL */
};

/* An address with its connections. */
struct address {
    struct table_entry entry;
    struct arrival *oldest, *newest; /* without a user */
    size_t anonymous;                /* their number */
    size_t count;                    /* of all its connections */
    unsigned refusals;               /* in a row, of late */
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

/* Frees it when nobody is left. */
static void drop_address(struct connections *connections, struct address *address)
{
    if (address->count > 0)
        return;
    table_remove(&connections->addresses, &address->entry);
    free(address);
}

/* ---- those without a user ------------------------------------------------------------------ */

/* Whoever has one is in no list. */
static bool has_user(const struct arrival *arrival)
{
    return arrival->previous == NULL && arrival->address->oldest != arrival;
}

static void add_anonymous(struct connections *connections, struct arrival *arrival)
{
    struct address *address = arrival->address;

    arrival->next = NULL;
    arrival->previous = address->newest;
    if (address->newest != NULL)
        address->newest->next = arrival;
    else
        address->oldest = arrival;
    address->newest = arrival;
    address->anonymous++;
    connections->anonymous++;
}

static void remove_anonymous(struct connections *connections, struct arrival *arrival)
{
    struct address *address = arrival->address;

    if (arrival->previous != NULL)
        arrival->previous->next = arrival->next;
    else
        address->oldest = arrival->next;
    if (arrival->next != NULL)
        arrival->next->previous = arrival->previous;
    else
        address->newest = arrival->previous;
    arrival->next = NULL;
    arrival->previous = NULL;
    ASSERT(address->anonymous > 0 && connections->anonymous > 0);
    address->anonymous--;
    connections->anonymous--;
}

/* Walks all addresses, some hundreds, and only while the budget is used up: less than a handshake
 * costs, and nothing to be kept in order the rest of the time. */
static struct address *find_largest(const struct connections *connections)
{
    struct address *largest = NULL;

    for (size_t i = 0; i < connections->addresses.bucket_count; i++)
        for (struct table_entry *entry = connections->addresses.buckets[i]; entry != NULL;
             entry = entry->next) {
            struct address *address = CONTAINER_OF(entry, struct address, entry);
            if (largest == NULL || address->anonymous > largest->anonymous)
                largest = address;
        }
    return largest;
}

/* Ends the oldest one of the address that is open: those in the middle of a handshake can't be. As
 * if the connection had broken: a goodbye that has to be fetched would keep the place. */
static void evict_oldest(struct connections *connections, const struct address *address)
{
    struct arrival *arrival = address->oldest;

    while (arrival != NULL && arrival->connection == NULL)
        arrival = arrival->next;
    if (arrival == NULL)
        return;
    connections->evicted++;
    socketio_connection_abort(arrival->connection);
}

/* Whether one more of the address is to come again later. Whoever does so is let in before their
 * front-end gives up, and the oldest one goes instead. */
static bool is_to_wait(const struct config *config, struct address *address)
{
    const int64_t limit = config->broker_max_connections_per_address;

    if (limit == 0 || address->anonymous < (size_t)limit ||
        address->refusals == ADDRESS_REFUSALS_IN_A_ROW) {
        address->refusals = 0;
        return false;
    }
    address->refusals++;
    return true;
}

/* How many of one address may be there. */
static size_t share_of_address(const struct config *config)
{
    const int64_t share = config->broker_max_anonymous_per_address;
    const int64_t limit = config->broker_max_connections_per_address;

    return (size_t)(limit > 0 && limit < share ? limit : share);
}

/* Before one more of that address. */
static void make_room(struct connections *connections, const struct config *config,
                      const struct address *address)
{
    if (address->anonymous >= share_of_address(config))
        evict_oldest(connections, address);
    if (connections->anonymous >= (size_t)config->broker_max_anonymous_connections)
        evict_oldest(connections, find_largest(connections));
}

/* Once in the process's life: it is a matter of how things are set up. */
static void tell_crowd(struct connections *connections, const struct address *address)
{
    if (connections->log == NULL || connections->has_told ||
        connections->count < CONNECTIONS_CROWD ||
        address->count * 100 < connections->count * CONNECTIONS_CROWD_MAX)
        return;
    connections->has_told = true;
    log_warning(
        connections->log,
        "nearly all clients come from one address; if that is a proxy, the web server has to "
        "be told of it (nginx: real_ip; or [broker] trusted_proxies)",
        LOG_TEXT("address", address->text), LOG_NUMBER("connections", (int64_t)connections->count));
}

/* ---- coming and going ---------------------------------------------------------------------- */

struct engineio_verdict connections_take(struct connections *connections,
                                         const struct config *config, const char *text)
{
    const int64_t places =
        config->broker_max_connections + config->broker_max_anonymous_connections;

    /* Only when all strangers are in the middle of their handshakes: else one makes room. */
    if (connections->count >= (size_t)places)
        return refuse_handshake("Trop de connexions");
    struct arrival *arrival = calloc(1, sizeof(*arrival));
    struct address *address = arrival != NULL ? take_address(connections, text) : NULL;
    if (address == NULL) {
        free(arrival);
        return refuse_handshake("Mémoire insuffisante");
    }
    if (is_to_wait(config, address)) {
        free(arrival);
        return refuse_handshake("Trop de connexions de cette adresse");
    }
    address->count++; /* so that it stays while others of it go */
    make_room(connections, config, address);
    arrival->address = address;
    add_anonymous(connections, arrival);
    connections->count++;
    tell_crowd(connections, address);
    return (struct engineio_verdict){.user = arrival};
}

void connections_open(void *user, struct socketio_connection *connection)
{
    struct arrival *arrival = user;

    arrival->connection = connection;
}

void connections_keep_token(void *user, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    struct arrival *arrival = user;

    if (authorization == NULL)
        return;
    if (strncasecmp(authorization, scheme, sizeof(scheme) - 1) == 0)
        authorization += sizeof(scheme) - 1;
    authorization += strspn(authorization, " ");
    /* Another scheme is for a proxy in front, which may ask for a password of its own. */
    if (authorization[0] != '\0' && strlen(authorization) <= TOKEN_MAX_BYTES &&
        strchr(authorization, ' ') == NULL)
        arrival->token = strdup(authorization);
}

const char *connections_token(const void *user)
{
    const struct arrival *arrival = user;

    return arrival->token;
}

bool connections_admit(struct connections *connections, const struct config *config, void *user)
{
    struct arrival *arrival = user;

    if (has_user(arrival))
        return true;
    if (connections->count - connections->anonymous >= (size_t)config->broker_max_connections)
        return false;
    remove_anonymous(connections, arrival);
    return true;
}

void connections_dismiss(struct connections *connections, void *user)
{
    struct arrival *arrival = user;

    if (has_user(arrival))
        add_anonymous(connections, arrival);
}

void connections_drop(struct connections *connections, void *user)
{
    struct arrival *arrival = user;
    struct address *address = arrival->address;

    if (!has_user(arrival))
        remove_anonymous(connections, arrival);
    free(arrival->token);
    free(arrival);
    ASSERT(connections->count > 0 && address->count > 0);
    connections->count--;
    address->count--;
    drop_address(connections, address);
}

void connections_free(struct connections *connections)
{
    table_free(&connections->addresses);
}
