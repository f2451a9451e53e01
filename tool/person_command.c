#include <stdio.h>
#include <string.h>

#include "common/json_reader.h"
#include "common/utf8.h"
#include "db/person.h"
#include "db/privacy.h"
#include "tool/command.h"

/* One line of `user list` without --json. */
static void print_person(struct json_object *person)
{
    static const char *const keys[] = {"role", "salonName", "firstName", "lastName", "email"};

    printf("%s", json_text(json_get(person, "id")));
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *text = json_text(json_get(person, keys[i]));
        printf("\t%s", text != NULL ? text : "");
    }
    printf("\n");
}

/* Shows a person, or an array of them, as it is or in lines. */
static int print_people(const struct command_context *context, struct buffer *json)
{
    struct error error;

    if (context->options.json)
        return command_print_text(json);
    error_clear(&error);
    struct json_object *tree = json_read_own(json->data, json->length, &error);
    if (tree == NULL)
        return command_report_failure(&error);
    if (json_object_is_type(tree, json_type_array))
        for (size_t i = 0; i < json_object_array_length(tree); i++)
            print_person(json_object_array_get_idx(tree, i));
    else
        print_person(tree);
    json_object_put(tree);
    return fflush(stdout) != 0 ? COMMAND_FAILED : COMMAND_DONE;
}

static int show_person(struct command_context *context, const char *user_id)
{
    struct buffer json = BUFFER_EMPTY;
    struct person_find request = {.user_id = user_id, .json = &json};
    struct error error;

    error_clear(&error);
    int status = command_read_database(context, person_find(&request), &error)
                     ? print_people(context, &json)
                     : command_report_failure(&error);
    buffer_free(&json);
    return status;
}

/* The options as the body of PUT /messaging/users/:id, so that the same rules hold; NULL with
 * *error. To be freed with json_object_put. */
static struct json_object *person_body(const struct command_options *options, struct error *error)
{
    const struct person_input *fields = &options->fields;
    const char *const members[][2] = {
        {"role", options->role},         {"firstName", fields->first_name},
        {"lastName", fields->last_name}, {"salonName", fields->salon_name},
        {"image", fields->image},        {"email", fields->email},
    };
    struct json_object *body = json_object_new_object();

    error_unavailable(error, "an option is not valid UTF-8, or there is no memory");
    for (size_t i = 0; body != NULL && i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i][1] == NULL)
            continue;
        struct json_object *text = utf8_is_valid(members[i][1], strlen(members[i][1]))
                                       ? json_object_new_string(members[i][1])
                                       : NULL;
        if (text == NULL || json_object_object_add(body, members[i][0], text) != 0) {
            json_object_put(body);
            body = NULL;
        }
    }
    return body;
}

static int store_person(struct command_context *context, const struct person_input *fields,
                        const char *user_id)
{
    struct person_set request = {.user_id = user_id, .fields = *fields};
    struct error error;

    error_clear(&error);
    if (!foreign_id_is_valid(user_id)) {
        error_set(&error, ERROR_INVALID, "a user id has 1 to %d bytes and no control characters",
                  FOREIGN_ID_MAX_BYTES);
        return command_report_failure(&error);
    }
    if (!command_write_database(context, person_set(&request), &error))
        return command_report_failure(&error);
    return show_person(context, user_id);
}

static int set_person(struct command_context *context, const char *user_id)
{
    struct person_input fields;
    struct error error;
    struct json_object *body = person_body(&context->options, &error);

    int status = body != NULL && person_input_read(body, false, &fields, &error)
                     ? store_person(context, &fields, user_id)
                     : command_report_failure(&error);
    json_object_put(body);
    return status;
}

static int list_people(struct command_context *context)
{
    struct buffer json = BUFFER_EMPTY;
    struct person_list request = {.json = &json};
    struct error error;

    error_clear(&error);
    int status = command_read_database(context, person_list(&request), &error)
                     ? print_people(context, &json)
                     : command_report_failure(&error);
    buffer_free(&json);
    return status;
}

static int erase_person(struct command_context *context, const char *user_id)
{
    struct person_erase request = {.user_id = user_id};
    struct error error;

    error_clear(&error);
    if (!command_write_database(context, person_erase(&request), &error))
        return command_report_failure(&error);
    return printf("%s: erased, in %lld conversations\n", user_id,
                  (long long)request.conversations) < 0
               ? COMMAND_FAILED
               : COMMAND_DONE;
}

static int export_person(struct command_context *context, const char *user_id)
{
    struct buffer json = BUFFER_EMPTY;
    struct person_export request = {.user_id = user_id, .json = &json};
    struct error error;

    error_clear(&error);
    int status = command_read_database(context, person_export(&request), &error)
                     ? command_print_text(&json)
                     : command_report_failure(&error);
    buffer_free(&json);
    return status;
}

int command_user(struct command_context *context)
{
    const char *action = context->options.arguments[0];
    bool has_id = context->options.argument_count == 2;

    if (strcmp(action, "list") == 0 && !has_id)
        return list_people(context);
    if (strcmp(action, "get") == 0 && has_id)
        return show_person(context, context->options.arguments[1]);
    if (strcmp(action, "set") == 0 && has_id)
        return set_person(context, context->options.arguments[1]);
    if (strcmp(action, "erase") == 0 && has_id)
        return erase_person(context, context->options.arguments[1]);
    if (strcmp(action, "export") == 0 && has_id)
        return export_person(context, context->options.arguments[1]);
    fprintf(stderr, "messagerie: user: expected `list`, or `set`, `get`, `erase` or `export` and an"
                    " ID\n");
    return COMMAND_WRONG_USAGE;
}
