#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "jobs/mail_report.h"

static int start(void **state)
{
    (void)state;
    return mail_start() ? 0 : 1;
}

static int stop(void **state)
{
    (void)state;
    mail_stop();
    return 0;
}

/* A report with these fields of a recipient, and the mail given back as `type`. */
static bool read_fields(const char *fields, const char *type, struct mail_report *report)
{
    char text[4096];

    snprintf(text, sizeof(text),
             "From: MAILER-DAEMON@mx.example\r\n"
             "MIME-Version: 1.0\r\n"
             "Content-Type: multipart/report; report-type=delivery-status; boundary=\"A\"\r\n\r\n"
             "--A\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\r\n"
             "--A\r\nContent-Type: message/delivery-status\r\n\r\n"
             "Reporting-MTA: dns; mx.example\r\n\r\n%s\r\n"
             "--A\r\nContent-Type: %s\r\n\r\n"
             "Received: from here\r\nMessage-ID: <id-1@salon.example>\r\nSubject: x\r\n\r\n"
             "--A--\r\n",
             fields, type);
    return mail_report_read(text, strlen(text), report);
}

static void check_recipient(const char *fields, const char *address, bool has_failed,
                            bool is_bad_address)
{
    struct mail_report report;

    assert_true(read_fields(fields, "message/rfc822", &report));
    assert_int_equal(report.count, 1);
    assert_string_equal(report.recipients[0].address.text, address);
    assert_int_equal(report.recipients[0].has_failed, has_failed);
    assert_int_equal(report.recipients[0].is_bad_address, is_bad_address);
}

static void an_address_that_nobody_has_is_to_blame(void **state)
{
    (void)state;
    check_recipient("Final-Recipient: rfc822; lea@B.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
                    "lea@b.example", true, true);
    check_recipient("final-recipient: RFC822;<lea@b.example>\r\naction: Failed (x)\r\n"
                    "status: 5.2.1 (disabled)\r\n",
                    "lea@b.example", true, true);
    check_recipient("Final-Recipient: rfc822; lea@b.example\r\nAction: failed\r\nStatus: 5.0.0\r\n"
                    "Diagnostic-Code: smtp; 550 no such user\r\n",
                    "lea@b.example", true, true);
}

static void what_is_no_fault_of_the_address_is_not(void **state)
{
    static const char *const statuses[] = {"5.7.1", "5.2.2", "5.3.4", "4.4.7",
                                           "5.4.4", "5.1.8", "x"};
    char fields[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++) {
        snprintf(fields, sizeof(fields),
                 "Final-Recipient: rfc822; lea@b.example\r\nAction: failed\r\nStatus: %s\r\n",
                 statuses[i]);
        check_recipient(fields, "lea@b.example", true, false);
    }
    check_recipient(
        "Final-Recipient: rfc822; lea@b.example\r\nAction: delayed\r\nStatus: 5.1.1\r\n",
        "lea@b.example", false, false);
}

static void the_address_that_we_wrote_to_weighs_more(void **state)
{
    (void)state;
    check_recipient("Original-Recipient: rfc822;lea@b.example\r\n"
                    "Final-Recipient: rfc822; l.dupont@c.example\r\n"
                    "Action: failed\r\nStatus: 5.1.1\r\n",
                    "lea@b.example", true, true);
    check_recipient("Final-Recipient: utf-8; léa@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
                    "léa@b.example", true, true);
}

static void the_mail_that_it_is_about_is_named(void **state)
{
    static const char *const types[] = {"message/rfc822", "text/rfc822-headers"};
    struct mail_report report;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        assert_true(read_fields(
            "Final-Recipient: rfc822; lea@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
            types[i], &report));
        assert_string_equal(report.message_id, "id-1@salon.example");
    }
}

static void several_recipients_are_told_up_to_a_limit(void **state)
{
    char fields[3000];
    struct mail_report report;
    size_t length = 0;

    (void)state;
    for (int i = 0; i < MAIL_REPORT_RECIPIENTS_MAX + 4; i++)
        length += (size_t)snprintf(fields + length, sizeof(fields) - length,
                                   "Final-Recipient: rfc822; p%d@b.example\r\nAction: failed\r\n"
                                   "Status: 5.1.1\r\n\r\n",
                                   i);
    assert_true(read_fields(fields, "message/rfc822", &report));
    assert_int_equal(report.count, MAIL_REPORT_RECIPIENTS_MAX);
    assert_string_equal(report.recipients[1].address.text, "p1@b.example");
}

static void what_is_no_report_tells_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "Subject: hello\n\nFinal-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.1.1\n",
        "Content-Type: multipart/report; boundary=x\n\n--x\n",
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\nAction: failed\n",
        "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a b\nAction: failed\n",
    };
    struct mail_report report;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        assert_false(mail_report_read(texts[i], strlen(texts[i]), &report));
}

static void a_report_without_an_end_is_bounded(void **state)
{
    static const char head[] = "Content-Type: message/delivery-status\n\n";
    size_t length = (size_t)3 * MAIL_REPORT_MAX_BYTES;
    char *text = malloc(length);
    struct mail_report report;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < length; i++)
        text[i] = i < strlen(head) ? head[i] : "a\n\n"[i % 3];
    assert_false(mail_report_read(text, length, &report));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_that_nobody_has_is_to_blame),
        cmocka_unit_test(what_is_no_fault_of_the_address_is_not),
        cmocka_unit_test(the_address_that_we_wrote_to_weighs_more),
        cmocka_unit_test(the_mail_that_it_is_about_is_named),
        cmocka_unit_test(several_recipients_are_told_up_to_a_limit),
        cmocka_unit_test(what_is_no_report_tells_nothing),
        cmocka_unit_test(a_report_without_an_end_is_bounded),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
