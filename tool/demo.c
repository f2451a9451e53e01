#include "tool/demo.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/json_writer.h"
#include "common/text_file.h"
#include "common/token.h"
#include "db/conversation.h"
#include "db/input.h"
#include "db/maintenance.h"
#include "db/message.h"
#include "db/person.h"

#define ORIGIN_PLACE "{origin}"

/* ---- the file ------------------------------------------------------------------------------ */

/* Appends `text` with the origin in its places. */
static void put_origin(const char *text, const char *origin, struct buffer *out)
{
    const char *place;

    while ((place = strstr(text, ORIGIN_PLACE)) != NULL) {
        buffer_append(out, text, (size_t)(place - text));
        buffer_append_text(out, origin);
        text = place + strlen(ORIGIN_PLACE);
    }
    buffer_append_text(out, text);
}

struct json_object *demo_story_load(const char *path, const char *origin, struct error *error)
{
    struct buffer raw = BUFFER_EMPTY;
    struct buffer text = BUFFER_EMPTY;
    struct json_object *story = NULL;

    if (text_file_read(path, DEMO_STORY_MAX_BYTES, &raw, error)) {
        const char *content = buffer_text(&raw);
        if (content != NULL)
            put_origin(content, origin, &text);
        if (content == NULL || text.failed)
            error_out_of_memory(error);
        else
            story = json_read_own(text.data, text.length, error);
    }
    buffer_free(&raw);
    buffer_free(&text);
    return story;
}

/* The elements of a member that is an array; none when it is not. */
static size_t array_length(struct json_object *object, const char *key)
{
    struct json_object *array = json_get(object, key);

    return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

static struct json_object *array_item(struct json_object *object, const char *key, size_t index)
{
    return json_object_array_get_idx(json_get(object, key), index);
}

static const char *text_member(struct json_object *object, const char *key)
{
    return json_text(json_get(object, key));
}

/* ---- its times ----------------------------------------------------------------------------- */

/* sscanf lets pass what no story of ours has, such as an hour of 25, which mktime takes for 1 of
 * the next day. */
static bool read_moment(const char *text, int64_t now_ms, int64_t *wall_ms)
{
    time_t now = (time_t)(now_ms / 1000);
    struct tm local;
    int days, hour, minute, minutes;
    int end = 0;

    if (text == NULL)
        return false;
    if (sscanf(text, "%d min%n", &minutes, &end) == 1 && end > 0 && text[end] == '\0') {
        *wall_ms = now_ms + (int64_t)minutes * 60000;
        return true;
    }
    if (sscanf(text, "%d %d:%d%n", &days, &hour, &minute, &end) != 3 || text[end] != '\0')
        return false;
    localtime_r(&now, &local);
    local.tm_mday += days;
    local.tm_hour = hour;
    local.tm_min = minute;
    local.tm_sec = 0;
    local.tm_isdst = -1;
    *wall_ms = (int64_t)mktime(&local) * 1000;
    return true;
}

static bool refuse(struct error *error, const char *what, struct json_object *object)
{
    return error_set(error, ERROR_INVALID, "the story: %s: %.200s", what,
                     json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
}

/* Puts the time that `start` means in its place, as the booking back-end would write it. */
static bool resolve_start(struct json_object *object, int64_t now_ms, struct error *error)
{
    char timestamp[TIMESTAMP_BYTES];
    int64_t start_ms;

    if (json_get(object, "start") == NULL)
        return true;
    if (!read_moment(text_member(object, "start"), now_ms, &start_ms))
        return refuse(error, "no such start", object);
    timestamp_format(start_ms, timestamp);
    struct json_object *text = json_object_new_string(timestamp);
    if (text == NULL || json_object_object_add(object, "start", text) != 0) {
        json_object_put(text);
        return error_out_of_memory(error);
    }
    return true;
}

/* ---- its order ----------------------------------------------------------------------------- */

/* A conversation of the story, and its id once it is there. */
struct thread {
    struct json_object *booking;
    char id[ID_BYTES];
};

struct moment {
    int64_t at_ms;
    size_t index; /* in the file: of two at the same time the first comes first */
    struct thread *thread;
    struct json_object *event; /* or NULL: the booking itself */
};

/* The story as one line of time. */
struct timeline {
    struct thread *threads;
    size_t thread_count;
    struct moment *moments;
    size_t moment_count;
};

static void timeline_free(struct timeline *timeline)
{
    free(timeline->threads);
    free(timeline->moments);
}

static int compare_moments(const void *left, const void *right)
{
    const struct moment *first = left;
    const struct moment *second = right;

    if (first->at_ms != second->at_ms)
        return first->at_ms < second->at_ms ? -1 : 1;
    return first->index < second->index ? -1 : 1;
}

static bool add_moment(struct timeline *timeline, struct thread *thread, struct json_object *event,
                       int64_t now_ms, struct error *error)
{
    struct json_object *source = event != NULL ? event : thread->booking;
    struct moment *moment = &timeline->moments[timeline->moment_count];

    *moment = (struct moment){.index = timeline->moment_count++, .thread = thread, .event = event};
    if (!read_moment(text_member(source, "at"), now_ms, &moment->at_ms))
        return refuse(error, "no such time", source);
    if (moment->at_ms > now_ms)
        return refuse(error, "in the future", source);
    return resolve_start(source, now_ms, error);
}

static bool fill_timeline(struct timeline *timeline, struct json_object *story, int64_t now_ms,
                          struct error *error)
{
    for (size_t i = 0; i < timeline->thread_count; i++) {
        struct thread *thread = &timeline->threads[i];
        thread->booking = array_item(story, "conversations", i);
        if (!add_moment(timeline, thread, NULL, now_ms, error))
            return false;
        for (size_t j = 0; j < array_length(thread->booking, "events"); j++)
            if (!add_moment(timeline, thread, array_item(thread->booking, "events", j), now_ms,
                            error))
                return false;
    }
    qsort(timeline->moments, timeline->moment_count, sizeof(*timeline->moments), compare_moments);
    return true;
}

static bool timeline_make(struct timeline *timeline, struct json_object *story, int64_t now_ms,
                          struct error *error)
{
    size_t moments = 0;

    timeline->thread_count = array_length(story, "conversations");
    for (size_t i = 0; i < timeline->thread_count; i++)
        moments += 1 + array_length(array_item(story, "conversations", i), "events");
    if (moments == 0)
        return error_set(error, ERROR_INVALID, "the story has no conversations");
    timeline->threads = calloc(timeline->thread_count, sizeof(*timeline->threads));
    timeline->moments = calloc(moments, sizeof(*timeline->moments));
    if (timeline->threads == NULL || timeline->moments == NULL)
        return error_out_of_memory(error);
    return fill_timeline(timeline, story, now_ms, error);
}

/* ---- its events ---------------------------------------------------------------------------- */

/* What the player of a story works with. */
struct player {
    struct transaction *transaction;
    const struct demo_fill *request;
    struct buffer json; /* answers, of which only a conversation's id is looked at */
};

static struct caller caller_of(const struct player *player, const struct thread *thread,
                               const char *user_id)
{
    const struct config *config = player->request->config;
    bool is_salon = strcmp(user_id, text_member(thread->booking, "salonId")) == 0;
    const char *role = is_salon ? "salon" : "client";

    return (struct caller){user_id, role, token_role_kind(config, role)};
}

static bool take_id(struct player *player, struct thread *thread, struct error *error)
{
    struct json_object *conversation = json_read_own(player->json.data, player->json.length, error);

    if (conversation == NULL)
        return false;
    snprintf(thread->id, sizeof(thread->id), "%s", text_member(conversation, "id"));
    json_object_put(conversation);
    return true;
}

static bool book(struct player *player, struct thread *thread, struct error *error)
{
    struct appointment_input input;
    struct appointment_create create = {.input = &input,
                                        .texts = player->request->texts,
                                        .config = player->request->config,
                                        .json = &player->json};

    return appointment_input_read(thread->booking, &input, error) &&
           appointment_create_run(player->transaction, &create, error) &&
           take_id(player, thread, error);
}

static bool change(struct player *player, const struct moment *moment, struct error *error)
{
    struct appointment_change_input input;
    struct appointment_change operation = {
        .appointment_id = text_member(moment->thread->booking, "appointmentId"),
        .input = &input,
        .texts = player->request->texts,
        .json = &player->json};

    return appointment_change_input_read(moment->event, &input, error) &&
           appointment_change_run(player->transaction, &operation, error);
}

static bool mark_read(struct player *player, const struct moment *moment, const char *user_id,
                      struct error *error)
{
    struct conversation_reference reference = {.conversation_id = moment->thread->id,
                                               .caller =
                                                   caller_of(player, moment->thread, user_id)};

    return conversation_mark_read_run(player->transaction, &reference, error);
}

static bool send(struct player *player, const struct moment *moment, const char *user_id,
                 struct error *error)
{
    struct message_input input;
    struct message_create create = {.conversation_id = moment->thread->id,
                                    .caller = caller_of(player, moment->thread, user_id),
                                    .input = &input,
                                    .config = player->request->config,
                                    .json = &player->json};

    return mark_read(player, moment, user_id, error) &&
           message_input_read(moment->event, &input, error) &&
           message_create_run(player->transaction, &create, error);
}

static bool archive(struct player *player, const struct moment *moment, struct error *error)
{
    const char *salon_id = text_member(moment->thread->booking, "salonId");
    struct conversation_reference reference = {.conversation_id = moment->thread->id,
                                               .caller =
                                                   caller_of(player, moment->thread, salon_id)};

    return conversation_toggle_archived_run(player->transaction, &reference, error);
}

static bool play_event(struct player *player, const struct moment *moment, struct error *error)
{
    const char *author = text_member(moment->event, "from");
    const char *reader = text_member(moment->event, "read");

    if (author != NULL)
        return send(player, moment, author, error);
    if (reader != NULL)
        return mark_read(player, moment, reader, error);
    if (json_get(moment->event, "archive") != NULL)
        return archive(player, moment, error);
    if (json_get(moment->event, "status") != NULL || json_get(moment->event, "start") != NULL)
        return change(player, moment, error);
    return refuse(error, "an event that says nothing", moment->event);
}

static bool play_moment(struct player *player, const struct moment *moment, struct error *error)
{
    if (moment->event == NULL)
        return book(player, moment->thread, error);
    if (moment->thread->id[0] == '\0')
        return refuse(error, "before its booking", moment->event);
    return play_event(player, moment, error);
}

static int64_t moment_now(void *context)
{
    return *(const int64_t *)context;
}

/* With a clock that shows the moment: identifiers, too, have their time in them. */
static bool play(struct transaction *transaction, const struct demo_fill *request,
                 const struct timeline *timeline, struct error *error)
{
    const struct services *services = transaction_services(transaction);
    int64_t now_ms;
    const struct clock clock = {
        .wall_ms = moment_now, .monotonic_ms = moment_now, .context = &now_ms};
    struct id_source ids;
    const struct services past = {
        .log = services->log, .clock = &clock, .random = services->random, .ids = &ids};
    struct player player = {.transaction = transaction, .request = request, .json = BUFFER_EMPTY};
    bool succeeded = true;

    id_source_init(&ids, &clock, services->random);
    for (size_t i = 0; succeeded && i < timeline->moment_count; i++) {
        now_ms = timeline->moments[i].at_ms;
        transaction_set_services(transaction, &past);
        buffer_clear(&player.json);
        succeeded = play_moment(&player, &timeline->moments[i], error);
    }
    transaction_set_services(transaction, services);
    buffer_free(&player.json);
    return succeeded;
}

/* ---- the database -------------------------------------------------------------------------- */

/* The id of a person of the story; NULL with *error. */
static const char *person_id(struct json_object *person, struct error *error)
{
    const char *id = text_member(person, "id");

    if (id != NULL && foreign_id_is_valid(id))
        return id;
    refuse(error, "a person without a proper id", person);
    return NULL;
}

static bool set_people(struct transaction *transaction, struct json_object *story,
                       struct error *error)
{
    for (size_t i = 0; i < array_length(story, "people"); i++) {
        struct json_object *person = array_item(story, "people", i);
        struct person_set request = {.user_id = person_id(person, error)};
        if (request.user_id == NULL || !person_input_read(person, true, &request.fields, error) ||
            !person_set_run(transaction, &request, error))
            return false;
    }
    return true;
}

/* Fails with ERROR_NOT_FOUND when one of the story's people is not in the directory. */
static bool find_people(struct connection *connection, struct json_object *story,
                        struct error *error)
{
    struct buffer json = BUFFER_EMPTY;
    bool succeeded = true;

    for (size_t i = 0; succeeded && i < array_length(story, "people"); i++) {
        struct person_find request = {.json = &json};
        request.user_id = person_id(array_item(story, "people", i), error);
        succeeded = request.user_id != NULL && person_find_run(connection, &request, error);
    }
    buffer_free(&json);
    return succeeded;
}

/* Whether the story has been played here: *played. A database with others in it is refused. */
static bool look(struct connection *connection, struct json_object *story, bool *played,
                 struct error *error)
{
    struct database_totals totals;

    if (!database_totals_run(connection, &totals, error))
        return false;
    *played = totals.users + totals.conversations + totals.messages > 0;
    if (!*played || find_people(connection, story, error))
        return true;
    if (error->kind == ERROR_NOT_FOUND)
        error_set(error, ERROR_INVALID,
                  "the database holds other data than the demo's; the demo wants one of its own "
                  "and has changed nothing");
    return false;
}

bool demo_fill_run(struct transaction *transaction, struct demo_fill *request, struct error *error)
{
    struct timeline timeline = {0};

    if (!look(transaction_connection(transaction), request->story, &request->was_filled, error) ||
        !set_people(transaction, request->story, error))
        return false;
    if (request->was_filled)
        return true;
    int64_t now_ms = clock_wall_ms(transaction_services(transaction)->clock);
    bool succeeded = timeline_make(&timeline, request->story, now_ms, error) &&
                     play(transaction, request, &timeline, error);
    timeline_free(&timeline);
    return succeeded;
}

/* ---- the people, for the page -------------------------------------------------------------- */

static bool write_person(struct json_writer *writer, struct json_object *person,
                         const struct config *config, int64_t now_ms, struct error *error)
{
    const char *id = text_member(person, "id");
    const char *role = text_member(person, "role");
    char *token = token_sign(config, id, role, now_ms, DEMO_TOKEN_TTL_S, error);

    if (token == NULL)
        return false;
    json_begin_object(writer);
    json_member_text(writer, "id", id);
    json_member_text(writer, "role", role);
    json_member_text(writer, "name", text_member(person, "name"));
    json_member_text(writer, "image", text_member(person, "image"));
    json_member_text(writer, "token", token);
    json_end_object(writer);
    free(token);
    return true;
}

bool demo_write_people(struct json_object *story, const struct config *config, int64_t now_ms,
                       struct buffer *json, struct error *error)
{
    struct json_writer writer;

    json_writer_init(&writer, json);
    json_begin_object(&writer);
    json_write_key(&writer, "people");
    json_begin_array(&writer);
    for (size_t i = 0; i < array_length(story, "people"); i++)
        if (!write_person(&writer, array_item(story, "people", i), config, now_ms, error))
            return false;
    json_end_array(&writer);
    json_end_object(&writer);
    return !json->failed || error_out_of_memory(error);
}
