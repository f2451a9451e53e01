/*
 * A delivery report from a stranger: whatever it is, what is read of it is an address as we would
 * take one ourselves, and an address is only to blame where its delivery has failed.
 */
#include <string.h>

#include "jobs/mail_report.h"
#include "tests/fuzz/fuzz.h"

static void check_recipient(const struct mail_report_recipient *recipient)
{
    struct mail_address again;

    FUZZ_CHECK(mail_address_parse(recipient->address.text, &again));
    FUZZ_CHECK(strcmp(again.text, recipient->address.text) == 0);
    FUZZ_CHECK(!recipient->is_bad_address || recipient->has_failed);
    FUZZ_CHECK(recipient->status[0] != '4' || !recipient->is_bad_address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_started;
    struct mail_report report;

    if (!is_started)
        is_started = mail_start();
    bool is_report = mail_report_read(size > 0 ? (const char *)data : "", size, &report);
    FUZZ_CHECK(is_report == (report.count > 0) && report.count <= MAIL_REPORT_RECIPIENTS_MAX);
    for (size_t i = 0; i < report.count; i++)
        check_recipient(&report.recipients[i]);
    FUZZ_CHECK(strpbrk(report.message_id, "<> \r\n") == NULL);
    return 0;
}
