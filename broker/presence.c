#include "broker/presence.h"

#include <stdlib.h>
#include <string.h>

#include "common/container.h"
#include "common/json_writer.h"
#include "db/contact.h"

/*
 * A user is online while a socket of theirs is let in, or for as long as an absence lasts after
 * that. Others are told when that changes, and not when sockets come and go.
 */

/* Others still take the user for online, although no socket is there. */
struct absence {
    struct presence *presence;
    struct user *user;
    struct timer grace;
};

/* A user has gone offline, or is there again; their contacts are being read. */
struct presence_note {
    struct worker_request request;
    struct presence *presence;
    struct contact_list list;
    struct buffer ids;
    bool is_online;
    char user_id[];
};

struct presence {
    struct loop *loop;
    struct worker *worker;
    struct rooms *rooms;
    uint64_t pass;
};

static bool is_online(const struct user *user)
{
    return user->online_count > 0 || user->absence != NULL;
}

/* The text behind `id` (NULL: the first one), or NULL at their end. */
static const char *next_id(const struct buffer *ids, const char *id)
{
    const char *next = id != NULL ? id + strlen(id) + 1 : ids->data;

    return next != NULL && next < ids->data + ids->length ? next : NULL;
}

/* The contact with that id if it is known here and this pass has not met it before. */
/* The list has a contact once for each conversation that is shared; passes are numbered so that
 * nobody has to be unmarked after one. */
static struct user *meet_contact(struct presence *presence, const char *id)
{
    struct user *user = rooms_find_user(presence->rooms, id);

    if (user == NULL || user->pass == presence->pass)
        return NULL;
    user->pass = presence->pass;
    return user;
}

/* ---- telling ------------------------------------------------------------------------------- */

/* `user_name` NULL: it is not told. */
static struct block *encode_presence(const char *name, const char *user_id, const char *user_name)
{
    struct buffer payload = BUFFER_EMPTY;
    struct json_writer writer;

    json_writer_init(&writer, &payload);
    json_begin_object(&writer);
    json_member_text(&writer, "userId", user_id);
    json_member_text(&writer, "userName", user_name);
    json_end_object(&writer);
    struct block *packet = client_encode_passing(name, &payload);
    buffer_free(&payload);
    return packet;
}

static struct block *encode_online(const struct user *user)
{
    return encode_presence("user-online", user->id,
                           user->name != NULL ? user->name : NAMELESS_PERSON);
}

/* Tells the contacts' sockets of a user, and releases the packet. Without memory nobody is told:
 * presence is a hint. */
static void tell_contacts(struct presence *presence, const struct buffer *contacts,
                          struct block *packet)
{
    if (packet == NULL)
        return;
    presence->pass++;
    for (const char *id = next_id(contacts, NULL); id != NULL; id = next_id(contacts, id)) {
        struct user *contact = meet_contact(presence, id);
        if (contact == NULL)
            continue;
        for (struct occupant *one = contact->first; one != NULL; one = one->next_of_user)
            /* Who is not let in yet is told of all that are online when it is. */
            if (client_of(one)->is_online)
                client_send(client_of(one), packet);
    }
    block_release(packet);
}

static void tell_client(struct presence *presence, struct client *client,
                        const struct buffer *contacts)
{
    int told = 0;

    presence->pass++;
    for (const char *id = next_id(contacts, NULL); id != NULL && told < PRESENCE_CONTACTS_MAX;
         id = next_id(contacts, id)) {
        const struct user *contact = meet_contact(presence, id);
        if (contact == NULL || !is_online(contact))
            continue;
        struct block *packet = encode_online(contact);
        if (packet != NULL)
            client_send(client, packet);
        block_release(packet);
        told++;
    }
}

/* ---- absences ------------------------------------------------------------------------------ */

static void end_absence(struct absence *absence)
{
    absence->user->absence = NULL;
    loop_timer_remove(absence->presence->loop, &absence->grace);
    free(absence);
}

static void on_contacts(struct worker_request *request)
{
    struct presence_note *note = CONTAINER_OF(request, struct presence_note, request);
    const struct user *user = rooms_find_user(note->presence->rooms, note->user_id);
    bool is_there = user != NULL && is_online(user);

    /* What has changed meanwhile has been told then. */
    if (request->succeeded && is_there == note->is_online)
        tell_contacts(note->presence, &note->ids,
                      is_there ? encode_online(user)
                               : encode_presence("user-offline", note->user_id, NULL));
    buffer_free(&note->ids);
    free(note);
}

/* Contacts are read now, and not kept from when the user came: conversations may have begun since,
 * and each user's list would be in memory for as long as they stay. */
static void tell_later(struct presence *presence, const char *user_id, bool is_online)
{
    size_t size = strlen(user_id) + 1;
    struct presence_note *note = calloc(1, sizeof(*note) + size);

    if (note == NULL)
        return;
    memcpy(note->user_id, user_id, size);
    note->presence = presence;
    note->is_online = is_online;
    note->list = (struct contact_list){.user_id = note->user_id, .ids = &note->ids};
    note->request.query = contact_list(&note->list);
    note->request.on_done = on_contacts;
    worker_read(presence->worker, &note->request);
}

static void on_grace_over(struct timer *timer)
{
    struct absence *absence = CONTAINER_OF(timer, struct absence, grace);
    struct presence *presence = absence->presence;
    struct user *user = absence->user;

    end_absence(absence);
    tell_later(presence, user->id, false);
    rooms_drop_user(presence->rooms, user);
}

/* False without memory: the user is then offline at once. */
static bool begin_absence(struct presence *presence, struct user *user, int64_t grace_ms)
{
    struct absence *absence = calloc(1, sizeof(*absence));

    if (absence == NULL || !loop_timer_add(presence->loop, &absence->grace, on_grace_over)) {
        free(absence);
        return false;
    }
    absence->presence = presence;
    absence->user = user;
    user->absence = absence;
    loop_timer_start(presence->loop, &absence->grace, grace_ms);
    return true;
}

/* ---- what happens -------------------------------------------------------------------------- */

void presence_connected(struct presence *presence, struct client *client,
                        const struct buffer *contacts, const char *name)
{
    struct user *user = client->occupant.user;
    bool was_online = is_online(user);

    rooms_name_user(user, name);

    client->is_online = true;
    user->online_count++;
    if (user->absence != NULL)
        end_absence(user->absence);
    /* First the client, then the others: who learns of the user may write at once, and is then
     * known there. */
    tell_client(presence, client, contacts);
    if (!was_online)
        tell_contacts(presence, contacts, encode_online(user));
}

/* One socket fewer by which the user is there. */
static void count_out(struct presence *presence, struct user *user)
{
    if (--user->online_count == 0 && !begin_absence(presence, user, PRESENCE_GRACE_MS))
        tell_later(presence, user->id, false);
}

void presence_set_away(struct presence *presence, struct client *client, bool is_away)
{
    struct user *user = client->occupant.user;
    bool was_online = is_online(user);

    if (!client->is_online || client->is_away == is_away)
        return;
    client->is_away = is_away;
    if (is_away) {
        count_out(presence, user);
        return;
    }
    user->online_count++;
    if (user->absence != NULL)
        end_absence(user->absence);
    if (!was_online)
        tell_later(presence, user->id, true);
}

void presence_disconnected(struct presence *presence, struct client *client)
{
    if (!client->is_online)
        return;
    client->is_online = false;
    if (!client->is_away)
        count_out(presence, client->occupant.user);
}

void presence_restore(struct presence *presence, const struct buffer *people)
{
    const char *name;

    for (const char *id = next_id(people, NULL); id != NULL && (name = next_id(people, id)) != NULL;
         id = next_id(people, name)) {
        struct user *user = rooms_take_user(presence->rooms, id);
        if (user == NULL)
            continue;
        /* As if each had gone just now. Those that have come back before this was known are online,
         * and nobody has been told otherwise. */
        if (user->name == NULL)
            rooms_name_user(user, name);
        if (!is_online(user))
            begin_absence(presence, user, PRESENCE_RESTART_MS);
        rooms_drop_user(presence->rooms, user);
    }
}

/* ---- life ---------------------------------------------------------------------------------- */

struct presence *presence_create(struct loop *loop, struct worker *worker, struct rooms *rooms)
{
    struct presence *presence = calloc(1, sizeof(*presence));

    if (presence != NULL)
        *presence = (struct presence){.loop = loop, .worker = worker, .rooms = rooms};
    return presence;
}

/* Users without sockets are there because of their absence alone. */
void presence_free(struct presence *presence)
{
    struct table_entry *entry;

    if (presence == NULL)
        return;
    while ((entry = table_first(&presence->rooms->users)) != NULL) {
        struct user *user = CONTAINER_OF(entry, struct user, entry);
        if (user->absence != NULL)
            end_absence(user->absence);
        rooms_drop_user(presence->rooms, user);
    }
    free(presence);
}
