#include "broker/delivery.h"

#include <string.h>

#include "broker/client.h"
#include "broker/follow_up.h"
#include "broker/totals.h"
#include "db/privacy.h"

static void deliver_to_user(const struct user *user, const struct event *event,
                            struct block *packet)
{
    bool moves_totals = totals_are_moved_by(event->name);

    for (struct occupant *one = user->first; one != NULL; one = one->next_of_user) {
        client_deliver(client_of(one), event->seq, packet, NULL);
        if (moves_totals)
            totals_tell_again(client_of(one));
    }
}

static void deliver_to_room(const struct room *room, const struct event *event,
                            struct block *packet)
{
    bool moves_totals = totals_are_moved_by(event->name);

    for (const struct membership *one = room->first; one != NULL; one = one->next_in_room) {
        client_deliver(client_of(one->occupant), event->seq, packet, one);
        if (moves_totals)
            totals_tell_again(client_of(one->occupant));
    }
}

/* There is no telling who has missed it, once other events follow: so all are cut off, and recover
 * it. */
static void cut_off_all(struct broker_parts *parts, const struct event *event)
{
    log_limited(loop_services(parts->loop)->log, &parts->undelivered, LOG_LEVEL_ERROR,
                "no memory to deliver an event", LOG_NUMBER("seq", event->seq));
    engineio_close_some(socketio_engineio(parts->socketio), SIZE_MAX, FAREWELL_INTERNAL_ERROR);
}

/* The event that says so is not for clients. */
static void end_erased_person(const struct user *user)
{
    for (struct occupant *one = user->first; one != NULL; one = one->next_of_user)
        client_erase(client_of(one));
}

void delivery_deliver(struct broker_parts *parts, const struct event *event, int64_t waited_ms)
{
    bool is_room;
    const char *id = event_audience_id(event->audience, &is_room);
    const struct user *user = is_room ? NULL : rooms_find_user(&parts->rooms, id);
    const struct room *room = is_room ? rooms_find_room(&parts->rooms, id) : NULL;

    histogram_observe(&parts->metrics.delivery, waited_ms);
    if (user == NULL && room == NULL)
        return; /* before it is encoded: most events are for nobody here */
    if (user != NULL && strcmp(event->name, PERSON_ERASED_EVENT) == 0) {
        end_erased_person(user);
        return;
    }
    struct block *packet = client_encode(parts, event);
    if (packet == NULL) {
        cut_off_all(parts, event);
        return;
    }
    if (user != NULL)
        deliver_to_user(user, event, packet);
    else
        deliver_to_room(room, event, packet);
    block_release(packet);
    follow_up(parts, event);
}
