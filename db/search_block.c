#include "db/search_block.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"

/* Characters of a bitmap, and ordinals from which on it is the shorter way to write them. */
#define BITMAP_CHARACTERS ((SEGMENT_DOCUMENTS_MAX + 5) / 6)
#define BITMAP_FROM       (BITMAP_CHARACTERS / 2)

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* 1 + the value of a digit; 0: none. */
static const unsigned char values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

/* -1: none. */
static int value_of(char digit)
{
    return values[(unsigned char)digit] - 1;
}

/* ---- sets ---------------------------------------------------------------------------------- */

bool document_set_is_empty(const struct document_set *set)
{
    uint64_t all = 0;

    for (size_t i = 0; i < SEGMENT_WORDS; i++)
        all |= set->bits[i];
    return all == 0;
}

void document_set_intersect(struct document_set *set, const struct document_set *other)
{
    for (size_t i = 0; i < SEGMENT_WORDS; i++)
        set->bits[i] &= other->bits[i];
}

static unsigned count(const struct document_set *set)
{
    unsigned sum = 0;

    for (size_t i = 0; i < SEGMENT_WORDS; i++)
        sum += (unsigned)__builtin_popcountll(set->bits[i]);
    return sum;
}

/* ---- terms of owners ----------------------------------------------------------------------- */

void search_owner_term(enum search_owner kind, const char *user_id, char term[SEARCH_TERM_BYTES])
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = term;

    *out++ = (char)kind;
    for (const char *at = user_id; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte >= 0x80 || isalnum(byte) || byte == '-' || byte == '_' || byte == '.') {
            *out++ = *at;
        } else {
            *out++ = '%';
            *out++ = hex[byte >> 4];
            *out++ = hex[byte & 15];
        }
    }
    *out = '\0';
}

/* ---- reading ------------------------------------------------------------------------------- */

/* By hand: strcspn makes a table for each call, and a search goes through a thousand blocks. */
static size_t term_length_at(const char *at)
{
    size_t length = 0;

    while (at[length] != ' ' && at[length] != '=' && at[length] != '\n' && at[length] != '\0')
        length++;
    return length;
}

bool search_line_next(const char **at, struct search_line *line)
{
    line->term = *at;
    line->term_length = term_length_at(*at);
    const char *end = strchr(*at + line->term_length, '\n');
    if (end == NULL)
        return false;
    line->is_bitmap = line->term[line->term_length] == '=';
    line->documents = line->term + line->term_length + 1;
    line->documents_length = line->documents < end ? (size_t)(end - line->documents) : 0;
    *at = end + 1;
    return true;
}

/* Six documents a character; what is no digit is none. A common word's line is read in each
 * segment.
 */
static void read_bitmap(const char *bitmap, size_t length, struct document_set *set)
{
    if (length > BITMAP_CHARACTERS)
        length = BITMAP_CHARACTERS;
    for (size_t i = 0; i < length; i++) {
        int value = value_of(bitmap[i]);
        uint64_t bits = value > 0 ? (uint64_t)value : 0;
        size_t at = i * 6 / 64, shift = i * 6 % 64;
        set->bits[at] |= bits << shift;
        if (shift > 64 - 6 && at + 1 < SEGMENT_WORDS)
            set->bits[at + 1] |= bits >> (64 - shift);
    }
}

void search_line_read(const struct search_line *line, struct document_set *set)
{
    if (line->is_bitmap) {
        read_bitmap(line->documents, line->documents_length, set);
        return;
    }
    for (size_t i = 0; i + 1 < line->documents_length; i += 2) {
        int high = value_of(line->documents[i]), low = value_of(line->documents[i + 1]);
        if (high >= 0 && low >= 0 && high * 64 + low < SEGMENT_DOCUMENTS_MAX)
            document_set_add(set, (unsigned)(high * 64 + low));
    }
}

/* As memcmp, a term that begins with the other one coming behind it. */
static int compare(const char *one, size_t one_length, const char *other, size_t other_length)
{
    size_t length = one_length < other_length ? one_length : other_length;
    int order = memcmp(one, other, length);

    if (order != 0)
        return order;
    return one_length == other_length ? 0 : one_length < other_length ? -1 : 1;
}

bool search_block_read(const char *block, const char *term, bool is_prefix,
                       struct document_set *set)
{
    size_t length = strlen(term);
    struct search_line line;

    while (search_line_next(&block, &line)) {
        int order = compare(line.term, line.term_length, term, length);
        bool begins =
            order >= 0 && line.term_length >= length && memcmp(line.term, term, length) == 0;
        if (order == 0 || (is_prefix && begins))
            search_line_read(&line, set);
        else if (order > 0)
            return true;
        if (order == 0 && !is_prefix)
            return true;
    }
    return !is_prefix;
}

static void append_bitmap(struct buffer *block, const struct document_set *set)
{
    char bitmap[BITMAP_CHARACTERS];

    for (unsigned i = 0; i < BITMAP_CHARACTERS; i++) {
        unsigned value = 0;
        for (unsigned bit = 0; bit < 6; bit++)
            if (i * 6 + bit < SEGMENT_DOCUMENTS_MAX && document_set_has(set, i * 6 + bit))
                value |= 1U << bit;
        bitmap[i] = digits[value];
    }
    buffer_append(block, bitmap, sizeof(bitmap));
}

static void append_ordinals(struct buffer *block, const struct document_set *set)
{
    char pairs[2 * BITMAP_FROM];
    size_t length = 0;

    for (unsigned i = 0; i < SEGMENT_WORDS; i++)
        for (uint64_t bits = set->bits[i]; bits != 0; bits &= bits - 1) {
            unsigned ordinal = i * 64 + (unsigned)__builtin_ctzll(bits);
            pairs[length++] = digits[ordinal / 64];
            pairs[length++] = digits[ordinal % 64];
        }
    buffer_append(block, pairs, length);
}

void search_line_append(struct buffer *block, const char *term, size_t term_length,
                        const struct document_set *set)
{
    bool is_bitmap = count(set) > BITMAP_FROM;

    buffer_append(block, term, term_length);
    buffer_append(block, is_bitmap ? "=" : " ", 1);
    if (is_bitmap)
        append_bitmap(block, set);
    else
        append_ordinals(block, set);
    buffer_append(block, "\n", 1);
}

void search_block_first_term(const char *block, char term[SEARCH_TERM_BYTES])
{
    size_t length = term_length_at(block);

    if (length >= SEARCH_TERM_BYTES)
        length = SEARCH_TERM_BYTES - 1;
    memcpy(term, block, length);
    term[length] = '\0';
}

/* ---- making -------------------------------------------------------------------------------- */

struct term {
    const char *text; /* set when all are there */
    size_t offset, length;
    uint32_t hash;
    struct document_set documents;
};

/* Terms by their hash; sorted once, at the end. */
struct search_builder {
    struct term *terms;
    size_t count, capacity;
    uint32_t *slots; /* 1 + the number of a term, 0: free; a power of two, less than half of it used
                      */
    size_t slot_count;
    struct buffer texts;
    bool is_sorted;
    size_t next;
    struct buffer line;
};

#define FIRST_TERMS 2048

struct search_builder *search_builder_create(void)
{
    struct search_builder *builder = calloc(1, sizeof(*builder));

    if (builder == NULL)
        return NULL;
    builder->capacity = FIRST_TERMS;
    builder->slot_count = (size_t)4 * FIRST_TERMS;
    builder->terms = malloc(builder->capacity * sizeof(*builder->terms));
    builder->slots = calloc(builder->slot_count, sizeof(*builder->slots));
    if (builder->terms == NULL || builder->slots == NULL) {
        search_builder_free(builder);
        return NULL;
    }
    return builder;
}

void search_builder_free(struct search_builder *builder)
{
    if (builder == NULL)
        return;
    free(builder->terms);
    free(builder->slots);
    buffer_free(&builder->texts);
    buffer_free(&builder->line);
    free(builder);
}

/* FNV-1a. */
static uint32_t hash_of(const char *text, size_t length)
{
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619U;
    return hash;
}

/* The slot of the term, or the free one where it belongs. */
static uint32_t *find_slot(struct search_builder *builder, const char *text, size_t length,
                           uint32_t hash)
{
    for (size_t at = hash;; at++) {
        uint32_t *slot = &builder->slots[at & (builder->slot_count - 1)];
        if (*slot == 0)
            return slot;
        const struct term *term = &builder->terms[*slot - 1];
        if (term->hash == hash && term->length == length &&
            memcmp(builder->texts.data + term->offset, text, length) == 0)
            return slot;
    }
}

static bool grow(struct search_builder *builder)
{
    size_t capacity = builder->capacity * 2;
    struct term *terms = realloc(builder->terms, capacity * sizeof(*terms));

    if (terms == NULL)
        return false;
    builder->terms = terms;
    builder->capacity = capacity;
    uint32_t *slots = calloc(capacity * 4, sizeof(*slots));
    if (slots == NULL)
        return false;
    free(builder->slots);
    builder->slots = slots;
    builder->slot_count = capacity * 4;
    for (size_t i = 0; i < builder->count; i++) {
        const struct term *term = &builder->terms[i];
        *find_slot(builder, builder->texts.data + term->offset, term->length, term->hash) =
            (uint32_t)i + 1;
    }
    return true;
}

bool search_builder_add(struct search_builder *builder, const char *term, size_t length,
                        unsigned ordinal)
{
    uint32_t hash = hash_of(term, length);

    ASSERT(!builder->is_sorted && ordinal < SEGMENT_DOCUMENTS_MAX);
    if (builder->count == builder->capacity && !grow(builder))
        return false;
    uint32_t *slot = find_slot(builder, term, length, hash);
    if (*slot == 0) {
        builder->terms[builder->count] =
            (struct term){.offset = builder->texts.length, .length = length, .hash = hash};
        buffer_append(&builder->texts, term, length);
        if (builder->texts.failed)
            return false;
        *slot = (uint32_t)++builder->count;
    }
    document_set_add(&builder->terms[*slot - 1].documents, ordinal);
    return true;
}

bool search_builder_add_text(struct search_builder *builder, const char *text, unsigned ordinal)
{
    struct words words = words_of(text);
    struct word word;

    while (words_next(&words, &word))
        if (!search_builder_add(builder, word.text, word.length, ordinal))
            return false;
    return true;
}

static int compare_terms(const void *one, const void *other)
{
    const struct term *left = one, *right = other;

    return compare(left->text, left->length, right->text, right->length);
}

bool search_builder_next(struct search_builder *builder, struct buffer *block)
{
    if (!builder->is_sorted) {
        for (size_t i = 0; i < builder->count; i++)
            builder->terms[i].text = builder->texts.data + builder->terms[i].offset;
        if (builder->count > 0)
            qsort(builder->terms, builder->count, sizeof(*builder->terms), compare_terms);
        builder->is_sorted = true;
    }
    for (; builder->next < builder->count; builder->next++) {
        const struct term *term = &builder->terms[builder->next];
        buffer_clear(&builder->line);
        search_line_append(&builder->line, term->text, term->length, &term->documents);
        if (block->length > 0 && block->length + builder->line.length > SEARCH_BLOCK_BYTES)
            break;
        buffer_append(block, builder->line.data, builder->line.length);
        block->failed = block->failed || builder->line.failed;
    }
    return block->length > 0;
}
