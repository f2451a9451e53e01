#include "jobs/mail.h"

#include <string.h>

#include <curl/curl.h>
#include <gmime/gmime.h>

void mail_clear(struct mail *mail)
{
    buffer_clear(&mail->content);
    mail->sender.text[0] = mail->recipient.text[0] = '\0';
}

void mail_free(struct mail *mail)
{
    mail_clear(mail);
    buffer_free(&mail->content);
}

const char *mail_outcome_name(enum mail_outcome outcome)
{
    static const char *const names[] = {
        [MAIL_SENT] = "sent",
        [MAIL_LATER] = "later",
        [MAIL_UNREACHABLE] = "unreachable",
        [MAIL_MISCONFIGURED] = "misconfigured",
        [MAIL_BAD_ADDRESS] = "bad_address",
        [MAIL_REFUSED] = "refused",
        [MAIL_UNCERTAIN] = "uncertain",
    };

    return names[outcome];
}

/* Digits at the beginning of a text, 1 to `most`; 0 when there are none or more. */
static size_t count_digits(const char *text, size_t most)
{
    size_t count = strspn(text, "0123456789");

    return count <= most ? count : 0;
}

/* RFC 3463 section 2: class "." subject "." detail, the latter two of 1 to 3 digits. */
void mail_status_read(const char *text, char out[MAIL_STATUS_BYTES])
{
    size_t subject, detail;

    out[0] = '\0';
    if (text[0] == '\0' || strchr("245", text[0]) == NULL || text[1] != '.')
        return;
    subject = count_digits(text + 2, 3);
    if (subject == 0 || text[2 + subject] != '.')
        return;
    detail = count_digits(text + 3 + subject, 3);
    if (detail == 0)
        return;
    memcpy(out, text, 3 + subject + detail);
    out[3 + subject + detail] = '\0';
}

bool mail_status_is_of_address(const char *status, int code)
{
    if (status[0] == '\0')
        return code == 550 || code == 551 || code == 553;
    return (strncmp(status, "5.1.", 4) == 0 && strcmp(status, "5.1.7") != 0 &&
            strcmp(status, "5.1.8") != 0) || /* those two are of the sender's */
           strcmp(status, "5.2.1") == 0 ||
           (strcmp(status, "5.0.0") == 0 && code == 550);
}

void mail_reply_copy(const char *text, size_t length, char out[MAIL_REPLY_BYTES])
{
    size_t kept = 0;

    while (length > 0 && strchr("\r\n ", text[length - 1]) != NULL)
        length--;
    for (; kept < length && kept < MAIL_REPLY_BYTES - 1; kept++)
        out[kept] = (char)(text[kept] >= ' ' && text[kept] <= '~' ? text[kept] : '?');
    out[kept] = '\0';
}

bool mail_start(void)
{
    g_mime_init();
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void mail_stop(void)
{
    curl_global_cleanup();
    g_mime_shutdown();
}
