#include "db/read_marks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/container.h"
#include "common/id.h"
#include "db/message_reading.h"

struct read_mark {
    struct database_job job;
    struct read_marks *marks;
    struct read_mark *next;
    int64_t first, last;
    char conversation_id[ID_BYTES];
    char reader_id[FOREIGN_ID_MAX_BYTES + 1];
};

struct read_marks {
    struct database *database;
    pthread_mutex_t lock; /* over all that follows */
    struct read_mark *first;
    size_t count;
};

/* ---- writing it ---------------------------------------------------------------------------- */

DATABASE_OPERATION(read_mark_write, struct read_mark);

bool read_mark_write_run(struct transaction *transaction, struct read_mark *mark,
                         struct error *error)
{
    const struct caller reader = {.user_id = mark->reader_id, .role = "", .kind = CALLER_OTHER};
    struct conversation conversation;

    return conversation_row_find_for(transaction->connection, mark->conversation_id, &reader,
                                     &conversation, error) &&
           messages_mark_read(transaction, &conversation, mark->reader_id, mark->first, mark->last,
                              NULL, error);
}

/* Done, or no longer possible. */
static void on_written(struct database_job *job)
{
    struct read_mark *mark = CONTAINER_OF(job, struct read_mark, job);
    struct read_marks *marks = mark->marks;
    struct read_mark **link = &marks->first;

    pthread_mutex_lock(&marks->lock);
    while (*link != mark)
        link = &(*link)->next;
    *link = mark->next;
    marks->count--;
    pthread_mutex_unlock(&marks->lock);
    free(mark);
}

/* ---- remembering it ------------------------------------------------------------------------ */

static bool covers(const struct read_mark *mark, const struct shown_messages *shown)
{
    return mark->first <= shown->first && mark->last >= shown->last &&
           strcmp(mark->conversation_id, shown->conversation_id) == 0;
}

/* Under the lock. Walked from end to end: this is for trouble alone. */
static bool has_place(const struct read_marks *marks, const struct shown_messages *shown)
{
    size_t own = 0;

    if (marks->count >= READ_MARKS_MAX)
        return false;
    for (const struct read_mark *mark = marks->first; mark != NULL; mark = mark->next) {
        if (strcmp(mark->reader_id, shown->reader_id) != 0)
            continue;
        if (++own >= READ_MARKS_OF_READER_MAX || covers(mark, shown))
            return false;
    }
    return true;
}

static struct read_mark *make_mark(struct read_marks *marks, const struct shown_messages *shown)
{
    struct read_mark *mark = calloc(1, sizeof(*mark));

    if (mark == NULL || strlen(shown->conversation_id) >= sizeof(mark->conversation_id) ||
        strlen(shown->reader_id) >= sizeof(mark->reader_id)) {
        free(mark);
        return NULL;
    }
    strcpy(mark->conversation_id, shown->conversation_id);
    strcpy(mark->reader_id, shown->reader_id);
    mark->first = shown->first;
    mark->last = shown->last;
    mark->marks = marks;
    mark->job = (struct database_job){
        .operation = read_mark_write(mark), .completed = on_written, .is_patient = true};
    return mark;
}

void read_marks_add(struct read_marks *marks, const struct shown_messages *shown)
{
    struct read_mark *mark = NULL;

    if (shown->first > shown->last)
        return;
    pthread_mutex_lock(&marks->lock);
    if (has_place(marks, shown))
        mark = make_mark(marks, shown);
    if (mark != NULL) {
        mark->next = marks->first;
        marks->first = mark;
        marks->count++;
    }
    pthread_mutex_unlock(&marks->lock);
    if (mark != NULL)
        database_submit(marks->database, &mark->job);
}

/* ---- life ---------------------------------------------------------------------------------- */

struct read_marks *read_marks_create(struct database *database)
{
    struct read_marks *marks = calloc(1, sizeof(*marks));

    if (marks == NULL)
        return NULL;
    marks->database = database;
    pthread_mutex_init(&marks->lock, NULL);
    return marks;
}

void read_marks_free(struct read_marks *marks)
{
    if (marks == NULL)
        return;
    ASSERT(marks->count == 0);
    pthread_mutex_destroy(&marks->lock);
    free(marks);
}
