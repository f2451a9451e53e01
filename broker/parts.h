/*
 * What the parts of the messaging layer share: messaging.c delivers, sessions.c lets clients in
 * and out, client_events.c does what they ask for. Nobody else but client.c includes this.
 */
#ifndef MESSAGERIE_BROKER_PARTS_H
#define MESSAGERIE_BROKER_PARTS_H

#include "broker/broker.h"
#include "broker/client.h"
#include "broker/feed.h"
#include "broker/presence.h"
#include "broker/protocol/socketio.h"
#include "broker/typing.h"

struct messaging {
    struct loop *loop;
    const struct configuration *configuration; /* see messaging_use_configuration */
    struct metrics metrics;
    struct rooms rooms;
    struct worker *worker;
    struct feed *feed;
    struct presence *presence;
    struct typing *typing;
    struct farewell_set endings;
    struct socketio_namespace name_space;
    const struct socketio_namespace *name_spaces[2];
    struct socketio_settings socketio_settings;
    struct socketio_server *socketio;
    struct restoring *restoring; /* NULL when it is over */
    struct token_refusal_log token_refusals;
    struct log_limit event_failures, undelivered; /* lines of the log */
    struct table addresses; /* connections by address, while those are limited */
    size_t connections;
    size_t clients; /* from on_connect to their end */
    bool is_stopping;
};

/* ---- messaging.c ---- */

/* What follows from an event that the client had missed and now has been sent. */
void messaging_follow_missed(struct client *client, const struct event *event);

/* ---- sessions.c ---- */

/* The callbacks of struct socketio_namespace and struct socketio_settings. */
struct engineio_verdict sessions_on_handshake(void *application,
                                              const struct engineio_handshake *handshake);
void sessions_on_close(void *application, void *user);
void sessions_on_connect(void *application, struct socketio_socket *socket,
                         struct json_object *auth, const char *query);
void sessions_on_disconnect(void *application, struct socketio_socket *socket,
                            enum socketio_reason reason);

/* Disconnects the sockets of a person who was erased, in another turn of the loop. */
void sessions_end_user(struct user *user);

/* Forgets the room in what is stored for the client's recovery. */
void sessions_forget_room(struct client *client, const char *conversation_id);

/* ---- client_events.c ---- */

void client_events_on_event(void *application, struct socketio_socket *socket,
                            const struct socketio_event *event);
void client_events_on_refused(void *application, struct socketio_socket *socket, int64_t ack_id,
                              const struct error *error);

/* Marks a message that was delivered to the reader read, as the reader's own mark-as-read would.
 */
void client_events_mark_delivered(struct messaging *messaging, const char *message_id,
                                  const struct user *reader);

#endif
