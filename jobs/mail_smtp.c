#include "jobs/mail_smtp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

/* How far the exchange of one mail has come: the last command that was sent. */
enum step {
    STEP_CONNECTING, /* none */
    STEP_GREETING,   /* EHLO, HELO, STARTTLS, AUTH */
    STEP_SENDER,     /* MAIL */
    STEP_RECIPIENT,  /* RCPT */
    STEP_DATA,       /* DATA: what follows is being sent */
    STEP_END,        /* the end of the data may have been sent */
};

struct mail_smtp {
    CURL *handle;
    const struct mail_settings *settings;
    const struct mail *mail; /* the one that is being sent */
    size_t sent;             /* of its content */
    enum step step;
    bool is_authenticating;
    bool is_leaving; /* QUIT was sent, also after a refusal: what comes now is of no mail */
    int code;        /* of the last reply to the last command; 0: none yet */
    char reply[MAIL_REPLY_BYTES];
    char failure[CURL_ERROR_SIZE];
};

/* ---- following the exchange ------------------------------------------------------------------ */

static bool begins_with(const char *text, size_t length, const char *word)
{
    return length >= strlen(word) && strncmp(text, word, strlen(word)) == 0;
}

static void follow_command(struct mail_smtp *smtp, const char *line, size_t length)
{
    smtp->is_leaving = begins_with(line, length, "QUIT");
    if (smtp->is_leaving)
        return;
    smtp->code = 0;
    smtp->is_authenticating = false;
    if (begins_with(line, length, "MAIL FROM:"))
        smtp->step = STEP_SENDER;
    else if (begins_with(line, length, "RCPT TO:"))
        smtp->step = STEP_RECIPIENT;
    else if (begins_with(line, length, "DATA"))
        smtp->step = STEP_DATA;
    else if (smtp->step < STEP_SENDER) {
        /* What is no command we know here is the rest of an AUTH. */
        smtp->is_authenticating = !begins_with(line, length, "EHLO") &&
                                  !begins_with(line, length, "HELO") &&
                                  !begins_with(line, length, "STARTTLS");
        smtp->step = STEP_GREETING;
    }
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* A reply of several lines ends with the one that has a blank behind its code; the text of the
 * first is kept, which says most. */
static void follow_reply(struct mail_smtp *smtp, const char *line, size_t length)
{
    if (smtp->is_leaving || length < 3 || !is_digit(line[0]) || !is_digit(line[1]) ||
        !is_digit(line[2]))
        return;
    int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (code != smtp->code)
        mail_reply_copy(line + (length > 3 ? 4 : 3), length > 4 ? length - 4 : 0, smtp->reply);
    smtp->code = code;
}

/* Lines may come several at once. */
static int follow(CURL *handle, curl_infotype type, char *data, size_t length, void *context)
{
    struct mail_smtp *smtp = context;

    (void)handle;
    if (type != CURLINFO_HEADER_OUT && type != CURLINFO_HEADER_IN)
        return 0;
    while (length > 0) {
        const char *feed = memchr(data, '\n', length);
        size_t line = feed != NULL ? (size_t)(feed - data) + 1 : length;
        if (type == CURLINFO_HEADER_OUT)
            follow_command(smtp, data, line);
        else
            follow_reply(smtp, data, line);
        data += line;
        length -= line;
    }
    return 0;
}

static size_t read_content(char *out, size_t size, size_t count, void *context)
{
    struct mail_smtp *smtp = context;
    size_t left = smtp->mail->content.length - smtp->sent;
    size_t length = size * count < left ? size * count : left;

    memcpy(out, smtp->mail->content.data + smtp->sent, length);
    smtp->sent += length;
    if (length == 0) {
        /* libcurl sends the final dot now; the reply that counts is the one to that. */
        smtp->step = STEP_END;
        smtp->code = 0;
    }
    return length;
}

/* Servers have nothing to say here. The type is libcurl's. */
/* NOLINTNEXTLINE(readability-non-const-parameter) */
static size_t drop(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

/* ---- one mail -------------------------------------------------------------------------------- */

static void set_up(struct mail_smtp *smtp)
{
    const struct mail_settings *settings = smtp->settings;
    CURL *handle = smtp->handle;

    curl_easy_setopt(handle, CURLOPT_URL, settings->server);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(handle, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_USE_SSL,
                     (long)(settings->needs_tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (settings->ca_file[0] != '\0')
        curl_easy_setopt(handle, CURLOPT_CAINFO, settings->ca_file);
    if (settings->user[0] != '\0') {
        curl_easy_setopt(handle, CURLOPT_USERNAME, settings->user);
        curl_easy_setopt(handle, CURLOPT_PASSWORD, settings->password);
    }
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)settings->timeout_ms);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)settings->timeout_ms);
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, read_content);
    curl_easy_setopt(handle, CURLOPT_READDATA, smtp);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, drop);
    curl_easy_setopt(handle, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, follow);
    curl_easy_setopt(handle, CURLOPT_DEBUGDATA, smtp);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, smtp->failure);
}

struct mail_smtp *mail_smtp_create(const struct mail_settings *settings)
{
    struct mail_smtp *smtp = calloc(1, sizeof(*smtp));

    if (smtp == NULL)
        return NULL;
    smtp->handle = curl_easy_init();
    smtp->settings = settings;
    if (smtp->handle != NULL) {
        set_up(smtp);
        return smtp;
    }
    free(smtp);
    return NULL;
}

void mail_smtp_free(struct mail_smtp *smtp)
{
    if (smtp == NULL)
        return;
    curl_easy_cleanup(smtp->handle);
    free(smtp);
}

static bool is_about_tls(CURLcode code)
{
    switch (code) {
    case CURLE_USE_SSL_FAILED:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return true;
    default:
        return false;
    }
}

/* What has been said before any mail was named is about us, or the server. 4yz may pass (RFC 5321
 * section 4.2.1); 454 in an AUTH, too. */
static enum mail_outcome judge_greeting(const struct mail_smtp *smtp, CURLcode code)
{
    if (is_about_tls(code))
        return MAIL_MISCONFIGURED;
    if (smtp->is_authenticating || code == CURLE_LOGIN_DENIED)
        return smtp->code / 100 == 4 || smtp->code == 0 ? MAIL_UNREACHABLE : MAIL_MISCONFIGURED;
    return smtp->code / 100 == 5 ? MAIL_MISCONFIGURED : MAIL_UNREACHABLE;
}

/* 552 for a recipient: too many of them, or a full mailbox; RFC 5321 section 4.5.3.1.10 has it
 * treated as one that may pass. 421: the server goes (section 3.8), whatever the mail. */
static enum mail_outcome judge_refusal(const struct mail_smtp *smtp, const char *status)
{
    if (smtp->code == 421)
        return MAIL_UNREACHABLE;
    /* "Authentication required": no fault of any mail. */
    if (smtp->code == 530 || smtp->code == 538)
        return MAIL_MISCONFIGURED;
    if (smtp->code / 100 != 5 || (smtp->step == STEP_RECIPIENT && smtp->code == 552))
        return MAIL_LATER;
    return smtp->step == STEP_RECIPIENT && mail_status_is_of_address(status, smtp->code)
               ? MAIL_BAD_ADDRESS
               : MAIL_REFUSED;
}

static enum mail_outcome judge(const struct mail_smtp *smtp, CURLcode code, const char *status)
{
    if (code == CURLE_OK)
        return MAIL_SENT;
    if (smtp->step < STEP_SENDER || is_about_tls(code))
        return judge_greeting(smtp, code);
    if (smtp->code / 100 == 4 || smtp->code / 100 == 5)
        return judge_refusal(smtp, status);
    if (smtp->step != STEP_END)
        return MAIL_UNREACHABLE;
    /* Neither yes nor no: the connection has gone, or what came is no reply. But a yes that libcurl
     * took for something else is one. */
    return smtp->code == 250 ? MAIL_SENT : MAIL_UNCERTAIN;
}

static CURLcode try_mail(struct mail_smtp *smtp)
{
    smtp->sent = 0;
    smtp->step = STEP_CONNECTING;
    smtp->is_authenticating = smtp->is_leaving = false;
    smtp->code = 0;
    smtp->reply[0] = smtp->failure[0] = '\0';
    return curl_easy_perform(smtp->handle);
}

/* Whether it failed on a connection that was kept from the mail before and that the server has
 * closed meanwhile, before this mail was said: a new one is worth a try at once. */
static bool was_stale(const struct mail_smtp *smtp, CURLcode code)
{
    long connections = 1;

    if (code == CURLE_OK || smtp->step >= STEP_DATA || (smtp->code != 0 && smtp->code != 421))
        return false;
    curl_easy_getinfo(smtp->handle, CURLINFO_NUM_CONNECTS, &connections);
    return connections == 0;
}

void mail_smtp_send(struct mail_smtp *smtp, const struct mail *mail, struct mail_result *result)
{
    char sender[MAIL_ADDRESS_BYTES + 2], recipient[MAIL_ADDRESS_BYTES + 2];

    *result = (struct mail_result){.outcome = MAIL_UNREACHABLE};
    snprintf(sender, sizeof(sender), "<%s>", mail->sender.text);
    snprintf(recipient, sizeof(recipient), "<%s>", mail->recipient.text);
    struct curl_slist *recipients = curl_slist_append(NULL, recipient);
    if (recipients == NULL) {
        strcpy(result->reply, "out of memory");
        return;
    }
    smtp->mail = mail;
    curl_easy_setopt(smtp->handle, CURLOPT_MAIL_FROM, sender);
    curl_easy_setopt(smtp->handle, CURLOPT_MAIL_RCPT, recipients);
    CURLcode code = try_mail(smtp);
    if (was_stale(smtp, code)) {
        curl_easy_setopt(smtp->handle, CURLOPT_FRESH_CONNECT, 1L);
        code = try_mail(smtp);
        curl_easy_setopt(smtp->handle, CURLOPT_FRESH_CONNECT, 0L);
    }
    curl_easy_setopt(smtp->handle, CURLOPT_MAIL_RCPT, NULL);
    curl_slist_free_all(recipients);
    smtp->mail = NULL;

    result->code = smtp->code;
    mail_status_read(smtp->reply, result->status);
    result->outcome = judge(smtp, code, result->status);
    if (smtp->code != 0) {
        strcpy(result->reply, smtp->reply);
    } else {
        const char *words = smtp->failure[0] != '\0' ? smtp->failure : curl_easy_strerror(code);
        mail_reply_copy(words, strlen(words), result->reply);
    }
}
