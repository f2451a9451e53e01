#include "common/event_batch.h"

#include <stdlib.h>
#include <string.h>

/* Offsets into the texts, and not pointers: the buffer moves when it grows. */
struct entry {
    int64_t seq;
    size_t audience;
    size_t name;
    size_t payload;
    size_t payload_length;
};

static struct entry *entries_of(const struct event_batch *batch)
{
    return (struct entry *)(void *)batch->entries.data;
}

static size_t add_text(struct event_batch *batch, const char *text, size_t length)
{
    size_t offset = batch->texts.length;

    buffer_append(&batch->texts, text, length);
    buffer_append(&batch->texts, "", 1);
    return offset;
}

bool event_batch_add(struct event_batch *batch, const struct event *event)
{
    const struct entry entry = {.seq = event->seq,
                                .audience =
                                    add_text(batch, event->audience, strlen(event->audience)),
                                .name = add_text(batch, event->name, strlen(event->name)),
                                .payload = add_text(batch, event->payload, event->payload_length),
                                .payload_length = event->payload_length};

    buffer_append(&batch->entries, &entry, sizeof(entry));
    return !batch->entries.failed && !batch->texts.failed;
}

size_t event_batch_count(const struct event_batch *batch)
{
    return batch->entries.length / sizeof(struct entry);
}

void event_batch_at(const struct event_batch *batch, size_t index, struct event *event)
{
    const struct entry *entry = &entries_of(batch)[index];
    const char *texts = batch->texts.data;

    *event = (struct event){.seq = entry->seq,
                            .audience = texts + entry->audience,
                            .name = texts + entry->name,
                            .payload = texts + entry->payload,
                            .payload_length = entry->payload_length};
}

static int compare_entries(const void *one, const void *other)
{
    int64_t first = ((const struct entry *)one)->seq;
    int64_t second = ((const struct entry *)other)->seq;

    return first < second ? -1 : first > second;
}

/* What was dropped leaves its texts behind: they go with the batch, which is short-lived. */
void event_batch_sort(struct event_batch *batch, size_t limit)
{
    size_t count = event_batch_count(batch);

    if (count > 1)
        qsort(entries_of(batch), count, sizeof(struct entry), compare_entries);
    if (count > limit)
        batch->entries.length = limit * sizeof(struct entry);
}

struct event_batch_mark event_batch_mark(const struct event_batch *batch)
{
    return (struct event_batch_mark){.entries_length = batch->entries.length,
                                     .texts_length = batch->texts.length};
}

void event_batch_cut_back(struct event_batch *batch, struct event_batch_mark mark)
{
    batch->entries.length = mark.entries_length;
    batch->entries.failed = false;
    batch->texts.length = mark.texts_length;
    batch->texts.failed = false;
}

void event_batch_clear(struct event_batch *batch)
{
    buffer_clear(&batch->entries);
    buffer_clear(&batch->texts);
}

void event_batch_free(struct event_batch *batch)
{
    buffer_free(&batch->entries);
    buffer_free(&batch->texts);
}
