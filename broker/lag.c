#include "broker/lag.h"

#include <stdlib.h>
#include <string.h>

#include "broker/catch_up.h"
#include "broker/feed.h"
#include "common/container.h"

/* How often it is looked whether a client that is busy with something else has come to its end. */
#define LOOK_MS 20

struct lag {
    struct catch_up catch_up;
    struct buffer audiences; /* that it gets events for */
    struct timer look;
};

static void on_drained(struct catch_up *catch_up);

static void free_lag(struct client *client)
{
    struct lag *lag = client->lag;

    client->lag = NULL;
    loop_timer_remove(client->parts->loop, &lag->look);
    catch_up_free(&lag->catch_up);
    buffer_free(&lag->audiences);
    free(lag);
}

/* The socket was kept by the pause: resuming may end the client. */
static void end_lag(struct client *client)
{
    struct socketio_socket *socket = client->socket;

    client->is_lagging = false;
    free_lag(client);
    socketio_resume(socket);
}

static void add_audience(struct lag *lag, void (*name)(const char *id, char *out), const char *id)
{
    char audience[EVENT_AUDIENCE_BYTES];

    name(id, audience);
    buffer_append(&lag->audiences, audience, strlen(audience) + 1);
}

/* Those of the live client: its rooms may be others than when it began to lag. */
static bool collect_audiences(const struct client *client)
{
    struct lag *lag = client->lag;
    const struct membership *one = client->occupant.memberships;

    buffer_clear(&lag->audiences);
    add_audience(lag, event_audience_user, client->occupant.user->id);
    for (; one != NULL; one = one->next_of_occupant)
        add_audience(lag, event_audience_room, one->room->id);
    return !lag->audiences.failed;
}

static void on_caught_up(struct catch_up *catch_up)
{
    struct client *client = catch_up->client;

    client_release(client); /* what came meanwhile; it may have been too much again */
    if (client->is_lagging && client_is_reachable(client))
        catch_up_await(&client->lag->catch_up, on_drained);
    else
        end_lag(client);
}

/* What waited for the client has gone out, or the client is gone. */
static void on_drained(struct catch_up *catch_up)
{
    struct client *client = catch_up->client;
    struct lag *lag = client->lag;

    if (!client_is_reachable(client)) {
        end_lag(client);
        return;
    }
    client->is_lagging = false; /* from here on, what comes is held */
    if (!collect_audiences(client) || !client_hold(client)) {
        client_fail(client);
        end_lag(client);
        return;
    }
    catch_up_start(catch_up, &lag->audiences, client->position, feed_position(client->parts->feed),
                   on_caught_up);
}

/* While an action is under way, or the client is being let in, what is held is theirs. */
static void on_look(struct timer *timer)
{
    struct lag *lag = CONTAINER_OF(timer, struct lag, look);
    const struct client *client = lag->catch_up.client;

    if (client->has_action || client->hold != NULL)
        loop_timer_start(client->parts->loop, timer, LOOK_MS);
    else
        catch_up_await(&lag->catch_up, on_drained);
}

void lag_begin(struct client *client)
{
    struct lag *lag;

    if (client->lag != NULL)
        return; /* it has fallen back while it caught up */
    lag = calloc(1, sizeof(*lag));
    if (lag == NULL || !catch_up_init(&lag->catch_up, client)) {
        free(lag);
        client_fail(client);
        return;
    }
    if (!loop_timer_add(client->parts->loop, &lag->look, on_look)) {
        catch_up_free(&lag->catch_up);
        free(lag);
        client_fail(client);
        return;
    }
    client->lag = lag;
    client->parts->metrics.lags++;
    socketio_pause(client->socket);
    loop_timer_start(client->parts->loop, &lag->look, 0);
}

void lag_cancel(struct client *client)
{
    if (client->lag != NULL)
        free_lag(client);
}
