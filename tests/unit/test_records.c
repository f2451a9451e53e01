/*
 * fcgi/records.h: requests cut anywhere, and what is no request.
 */
#include "tests/unit/unit_test.h"

#include <errno.h>
#include <fastcgi.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "fcgi/records.h"
#include "tests/unit/fastcgi_client.h"

static const char *const some_parameters[] = {"REQUEST_METHOD=POST", "EMPTY=", "QUERY=a", NULL};

static struct buffer make_request(const char *const *parameters, size_t body_length)
{
    char *body = calloc(1, body_length + 1);
    struct buffer bytes = BUFFER_EMPTY;

    assert_non_null(body);
    client_append_request(&bytes, &(struct client_request){.id = 700,
                                                           .keep = true,
                                                           .parameters = parameters,
                                                           .body = body,
                                                           .body_length = body_length});
    free(body);
    return bytes;
}

/* Whole at its last byte, partial before, and in between from the end of its parameters on. */
static void knows_the_end_of_a_request(void **state)
{
    static const size_t lengths[] = {0, 1, 100, 40000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        struct buffer bytes = make_request(some_parameters, lengths[i]);
        struct buffer without_body = make_request(some_parameters, 0);
        size_t parameters_end = without_body.length - FCGI_HEADER_LEN;
        for (size_t length = 0; length < bytes.length; length += length < 500 ? 1 : 97)
            assert_int_equal(records_check(bytes.data, length),
                             length < parameters_end ? RECORDS_PARTIAL : RECORDS_PARAMETERS);
        assert_int_equal(records_check(bytes.data, bytes.length - 1), RECORDS_PARAMETERS);
        buffer_free(&without_body);
        assert_int_equal(records_check(bytes.data, bytes.length), RECORDS_WHOLE);
        buffer_free(&bytes);
    }
}

static void begin(struct buffer *bytes)
{
    const FCGI_BeginRequestBody body = {.roleB0 = FCGI_RESPONDER};

    buffer_clear(bytes);
    client_append_record(bytes, FCGI_BEGIN_REQUEST, 1, &body, sizeof(body));
}

static enum records_state check(const struct buffer *bytes)
{
    return records_check(bytes->data, bytes->length);
}

static void refuses_other_beginnings(void **state)
{
    static const unsigned char zeros[64];
    struct buffer bytes = BUFFER_EMPTY;

    (void)state;
    assert_int_equal(records_check(zeros, sizeof(zeros)), RECORDS_NONSENSE);
    assert_int_equal(records_check("GET / HTTP/1.1\r\n", 16), RECORDS_NONSENSE);
    for (int type = 0; type <= FCGI_MAXTYPE + 1; type++) {
        buffer_clear(&bytes);
        client_append_record(&bytes, type, 1, zeros, 8);
        enum records_state expected = RECORDS_NONSENSE;
        if (type == FCGI_BEGIN_REQUEST)
            expected = RECORDS_PARTIAL;
        if (type == 0 || type > FCGI_MAXTYPE)
            expected = RECORDS_MANAGEMENT;
        assert_int_equal(check(&bytes), expected);
    }
    buffer_clear(&bytes);
    client_append_record(&bytes, FCGI_BEGIN_REQUEST, 0, zeros, 8);
    assert_int_equal(check(&bytes), RECORDS_NONSENSE);
    buffer_clear(&bytes);
    client_append_record(&bytes, FCGI_BEGIN_REQUEST, 1, zeros, 16);
    assert_int_equal(check(&bytes), RECORDS_NONSENSE);
    buffer_free(&bytes);
}

static void a_management_record_is_taken_whole(void **state)
{
    static const char names[RECORD_MANAGEMENT_MAX_BYTES] = "\016\0FCGI_MAX_CONNS";
    struct buffer bytes = BUFFER_EMPTY;

    (void)state;
    client_append_record(&bytes, FCGI_GET_VALUES, 0, names, 16);
    for (size_t length = 0; length < bytes.length; length++)
        assert_int_equal(records_check(bytes.data, length), RECORDS_PARTIAL);
    assert_int_equal(check(&bytes), RECORDS_MANAGEMENT);
    assert_int_equal(records_size(bytes.data), bytes.length);
    bytes.data[6] = 5; /* padding, which is still to come */
    assert_int_equal(check(&bytes), RECORDS_PARTIAL);
    buffer_append(&bytes, names, 5);
    assert_int_equal(check(&bytes), RECORDS_MANAGEMENT);
    buffer_clear(&bytes);
    client_append_record(&bytes, FCGI_GET_VALUES, 0, names, sizeof(names));
    assert_int_equal(check(&bytes), RECORDS_NONSENSE);
    buffer_clear(&bytes);
    client_append_record(&bytes, FCGI_PARAMS, 0, names, 16);
    assert_int_equal(check(&bytes), RECORDS_NONSENSE);
    buffer_free(&bytes);
}

static ssize_t collect_answer(void *context, const struct msghdr *message)
{
    size_t length = 0;

    for (size_t i = 0; i < message->msg_iovlen; i++) {
        buffer_append(context, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
        length += message->msg_iov[i].iov_len;
    }
    return (ssize_t)length;
}

/* Asserts what such a record is answered. */
static void check_management(int type, int id, const char *content, size_t length,
                             const char *answer, size_t answer_length)
{
    struct buffer bytes = BUFFER_EMPTY;
    struct buffer answered = BUFFER_EMPTY;

    client_append_record(&bytes, type, id, content, length);
    assert_int_equal(check(&bytes), RECORDS_MANAGEMENT);
    assert_true(records_answer_management(bytes.data, 1024, collect_answer, &answered));
    assert_int_equal(answered.length, answer_length);
    assert_memory_equal(answered.data, answer, answer_length);
    buffer_free(&bytes);
    buffer_free(&answered);
}

#define CHECK_MANAGEMENT(type, id, content, answer)                                                \
    check_management(type, id, content, sizeof(content) - 1, answer, sizeof(answer) - 1)

static void values_are_told_and_unknown_types_too(void **state)
{
    (void)state;
    CHECK_MANAGEMENT(FCGI_GET_VALUES, 0, "", "\1\12\0\0\0\0\0\0");
    CHECK_MANAGEMENT(FCGI_GET_VALUES, 0,
                     "\017\0FCGI_MPXS_CONNS\x80\0\0\15\0FCGI_MAX_REQS\016\0FCGI_MAX_CONNS"
                     "\4\2OTHERxy\16\0FCGI_MAX_CONNS",
                     "\1\12\0\0\0\71\0\0"
                     "\016\4FCGI_MAX_CONNS1024\015\4FCGI_MAX_REQS1024\017\1FCGI_MPXS_CONNS0");
    /* Pairs that are cut off, or lie about their length. */
    CHECK_MANAGEMENT(FCGI_GET_VALUES, 0, "\016", "\1\12\0\0\0\0\0\0");
    CHECK_MANAGEMENT(FCGI_GET_VALUES, 0, "\xff\xff\xff\xff\xff\xff\xff\xff", "\1\12\0\0\0\0\0\0");
    CHECK_MANAGEMENT(FCGI_GET_VALUES, 0, "\016\1FCGI_MAX_CONNS", "\1\12\0\0\0\0\0\0");
    CHECK_MANAGEMENT(12, 0, "x", "\1\13\0\0\0\10\0\0\14\0\0\0\0\0\0\0");
    CHECK_MANAGEMENT(200, 7, "", "\1\13\0\0\0\10\0\0\310\0\0\0\0\0\0\0");
    CHECK_MANAGEMENT(FCGI_UNKNOWN_TYPE, 0, "", "\1\13\0\0\0\10\0\0\13\0\0\0\0\0\0\0");
}

static void refuses_records_that_do_not_follow(void **state)
{
    struct buffer bytes = BUFFER_EMPTY;

    (void)state;
    for (int type = 0; type <= FCGI_MAXTYPE + 1; type++) {
        begin(&bytes);
        client_append_record(&bytes, type, 1, "\1\1ab", 4);
        enum records_state expected = RECORDS_NONSENSE;
        if (type == FCGI_PARAMS)
            expected = RECORDS_PARTIAL;
        if (type == FCGI_ABORT_REQUEST)
            expected = RECORDS_WHOLE;
        assert_int_equal(check(&bytes), expected);
    }
    begin(&bytes);
    client_append_record(&bytes, FCGI_PARAMS, 2, "\1\1ab", 4); /* of another request */
    assert_int_equal(check(&bytes), RECORDS_NONSENSE);
    begin(&bytes);
    client_append_record(&bytes, FCGI_PARAMS, 1, NULL, 0);
    client_append_record(&bytes, FCGI_PARAMS, 1, "\1\1ab", 4); /* behind their end */
    assert_int_equal(check(&bytes), RECORDS_NONSENSE);
    buffer_free(&bytes);
}

/* Lengths of one and of four bytes, whole and cut into records of one byte. */
static void checks_the_lengths_of_parameters(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        enum records_state state;
    } cases[] = {
        {"\0\0", 2, RECORDS_PARTIAL},
        {"\x7f\x7f", 2, RECORDS_PARTIAL},
        {"\x80\0\0\1\1ab", 7, RECORDS_PARTIAL},
        {"\1\x80\0\0\1ab", 7, RECORDS_PARTIAL},
        {"\x80\1\0\0\x80\1\0\0", 8, RECORDS_PARTIAL},  /* 65,536 and 65,536: the most */
        {"\x80\1\0\0\x80\1\0\1", 8, RECORDS_NONSENSE}, /* one more */
        {"\xff\xff\xff\xff\1", 5, RECORDS_NONSENSE},
        {"\1\xff\xff\xff\xff", 5, RECORDS_NONSENSE},
        {"\1\1ab\1\xff\xff\xff\xff", 9, RECORDS_NONSENSE}, /* the second pair */
        {"\xff\xff\xff\xff\xff\xff\xff\xff", 8, RECORDS_NONSENSE},
    };
    struct buffer bytes = BUFFER_EMPTY;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        begin(&bytes);
        client_append_record(&bytes, FCGI_PARAMS, 1, cases[i].bytes, cases[i].length);
        assert_int_equal(check(&bytes), cases[i].state);
        begin(&bytes);
        for (size_t j = 0; j < cases[i].length; j++)
            client_append_record(&bytes, FCGI_PARAMS, 1, cases[i].bytes + j, 1);
        assert_int_equal(check(&bytes), cases[i].state);
    }
    buffer_free(&bytes);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* A peer that takes few bytes at a time, is interrupted now and then, and goes at `limit`. */
struct peer {
    struct buffer got;
    size_t at_once;
    size_t limit;
    size_t calls;
};

static ssize_t take(void *context, const struct msghdr *message)
{
    struct peer *peer = context;
    size_t taken = 0;

    if (++peer->calls % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    if (peer->got.length >= peer->limit) {
        errno = EPIPE;
        return -1;
    }
    for (size_t i = 0; i < message->msg_iovlen && taken < peer->at_once; i++) {
        size_t length = message->msg_iov[i].iov_len;
        if (length > peer->at_once - taken)
            length = peer->at_once - taken;
        buffer_append(&peer->got, message->msg_iov[i].iov_base, length);
        taken += length;
    }
    return (ssize_t)taken;
}

/* Reads the records back: standard output into *output, then the end of it and of the request. */
static void parse(const struct buffer *bytes, int id, struct buffer *output)
{
    size_t position = 0;
    FCGI_Header header;
    size_t content;

    do {
        assert_true(position + sizeof(header) <= bytes->length);
        memcpy(&header, bytes->data + position, sizeof(header));
        assert_int_equal(header.type, FCGI_STDOUT);
        assert_int_equal(header.requestIdB1 << 8 | header.requestIdB0, id);
        content = (size_t)header.contentLengthB1 << 8 | header.contentLengthB0;
        position += sizeof(header);
        assert_true(position + content <= bytes->length);
        buffer_append(output, bytes->data + position, content);
        position += content + header.paddingLength;
    } while (content > 0);
    assert_int_equal(bytes->length - position, sizeof(FCGI_EndRequestRecord));
    assert_int_equal(bytes->data[position + 1], FCGI_END_REQUEST);
}

static void sends_answers_in_any_pieces(void **state)
{
    static const size_t lengths[] = {0, 1, 100, 65527, 65528, 65529, 2000000};
    static const size_t pieces[] = {1000, 65536, 10000000};
    struct buffer content = BUFFER_EMPTY;

    (void)state;
    for (size_t i = 0; i < 4000000; i++)
        buffer_append(&content, &(char){(char)('a' + i % 26)}, 1);
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++)
        for (size_t j = 0; j < ARRAY_LENGTH(lengths); j++)
            for (size_t k = 0; k < ARRAY_LENGTH(pieces); k++) {
                struct peer peer = {.at_once = pieces[k], .limit = SIZE_MAX};
                struct buffer output = BUFFER_EMPTY;
                assert_true(records_send_answer(
                    515, (struct text_span){content.data, lengths[i]},
                    (struct text_span){content.data + lengths[i], lengths[j]}, take, &peer));
                parse(&peer.got, 515, &output);
                assert_int_equal(output.length, lengths[i] + lengths[j]);
                if (output.length > 0)
                    assert_memory_equal(output.data, content.data, output.length);
                buffer_free(&output);
                buffer_free(&peer.got);
            }
    buffer_free(&content);
}

static void gives_up_when_the_peer_goes(void **state)
{
    struct peer peer = {.at_once = 10, .limit = 30};
    static const char body[100];

    (void)state;
    assert_false(records_send_answer(1, (struct text_span){body, 50}, (struct text_span){body, 50},
                                     take, &peer));
    buffer_free(&peer.got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_end_of_a_request),
        cmocka_unit_test(refuses_other_beginnings),
        cmocka_unit_test(a_management_record_is_taken_whole),
        cmocka_unit_test(values_are_told_and_unknown_types_too),
        cmocka_unit_test(refuses_records_that_do_not_follow),
        cmocka_unit_test(checks_the_lengths_of_parameters),
        cmocka_unit_test(sends_answers_in_any_pieces),
        cmocka_unit_test(gives_up_when_the_peer_goes),
    };

    return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
