#include "jobs/mail_message.h"

#include <stdio.h>
#include <string.h>

#include <gmime/gmime.h>

#include "common/assert.h"
#include "jobs/mail_wording.h"

/* What the salon is called when nobody has said it. */
#define NAMELESS_SALON  "Messagerie"
#define NAMELESS_AUTHOR "Votre correspondant"
/* A line of the header is folded before this many bytes (RFC 5322 section 2.1.1). */
#define HEADER_LINE_BYTES 998

#define TEST_SUBJECT "Essai d’envoi de la messagerie"
#define TEST_TEXT                                                                                  \
    "Bonjour,\n\nsi vous lisez ceci, la messagerie sait envoyer des e-mails.\n"                    \
    "Ce message a été demandé par `messagerie mail test`.\n"

/* ---- words ----------------------------------------------------------------------------------- */

/* What is filled in, once as text and once as HTML. */
struct wording {
    const struct mail_settings *settings;
    const struct mail_texts *texts;
    const struct mail_notification *notification;
    struct buffer unsubscribe; /* link, "" without one */
    struct buffer salon;
    int64_t count; /* messages of all conversations */
};

/* A value for a text of `kind`: escaped if it is HTML. */
static const char *value_of(enum mail_text kind, const char *text, struct buffer *storage)
{
    buffer_clear(storage);
    if (mail_text_is_html(kind))
        mail_wording_escape(text, storage);
    else
        buffer_append_text(storage, text);
    return buffer_text(storage);
}

static const char *name_or(const char *name, const char *otherwise, struct buffer *storage)
{
    buffer_clear(storage);
    mail_wording_line(name, MAIL_NAME_MAX_CHARACTERS, storage);
    if (storage->length == 0)
        buffer_append_text(storage, otherwise);
    return buffer_text(storage);
}

static const char *count_of(int64_t count, struct buffer *storage)
{
    buffer_clear(storage);
    mail_wording_count(count, storage);
    return buffer_text(storage);
}

static void append_excerpt(const struct wording *wording, enum mail_text kind, const char *text,
                           struct buffer *out)
{
    const char *values[MAIL_VARIABLE_COUNT] = {0};
    struct buffer cut = BUFFER_EMPTY, value = BUFFER_EMPTY;

    if (wording->settings->excerpt == MAIL_EXCERPT_FULL)
        mail_wording_lines(text, MAIL_FULL_EXCERPT_CHARACTERS, &cut);
    else
        mail_wording_line(text, MAIL_SHORT_EXCERPT_CHARACTERS, &cut);
    if (cut.length > 0) {
        const char *plain = buffer_text(&cut);
        values[MAIL_TEXT] = plain != NULL ? value_of(kind, plain, &value) : NULL;
        if (out->length > 0)
            buffer_append_text(out, "\n");
        mail_texts_render(wording->texts, kind, values, out);
    }
    out->failed |= cut.failed || value.failed;
    buffer_free(&value);
    buffer_free(&cut);
}

/* The texts of a conversation's messages, as `kind` has them. */
static void append_excerpts(const struct wording *wording, enum mail_text kind,
                            const struct mail_conversation *conversation, struct buffer *out)
{
    if (wording->settings->excerpt == MAIL_EXCERPT_NONE)
        return;
    for (size_t i = 0; i < conversation->excerpt_count && i < MAIL_EXCERPTS_MAX; i++)
        append_excerpt(wording, kind, conversation->excerpts[i], out);
}

static void append_conversation(const struct wording *wording, enum mail_text kind,
                                const struct mail_conversation *conversation, struct buffer *out)
{
    enum mail_text excerpt = mail_text_is_html(kind) ? MAIL_TEXT_EXCERPT_HTML : MAIL_TEXT_EXCERPT;
    const char *values[MAIL_VARIABLE_COUNT] = {0};
    struct buffer name = BUFFER_EMPTY, author = BUFFER_EMPTY, number = BUFFER_EMPTY;
    struct buffer excerpts = BUFFER_EMPTY, link = BUFFER_EMPTY, escaped = BUFFER_EMPTY;

    append_excerpts(wording, excerpt, conversation, &excerpts);
    buffer_append_text(&link, wording->settings->link);
    mail_wording_encode(conversation->id, &link);
    const char *plain_name = name_or(conversation->author, NAMELESS_AUTHOR, &name);
    const char *plain_link = buffer_text(&link);
    if (plain_name != NULL && plain_link != NULL) {
        values[MAIL_AUTHOR] = value_of(kind, plain_name, &author);
        values[MAIL_NUMBER] = count_of(conversation->count, &number);
        values[MAIL_EXCERPTS] = excerpts.length > 0 ? buffer_text(&excerpts) : NULL;
        values[MAIL_LINK] = value_of(kind, plain_link, &escaped);
        mail_texts_render(wording->texts, kind, values, out);
    }
    out->failed |= name.failed || author.failed || number.failed || excerpts.failed ||
                   link.failed || escaped.failed;
    buffer_free(&escaped);
    buffer_free(&link);
    buffer_free(&excerpts);
    buffer_free(&number);
    buffer_free(&author);
    buffer_free(&name);
}

static size_t told_conversations(const struct mail_notification *notification)
{
    return notification->conversation_count < MAIL_CONVERSATIONS_MAX
               ? notification->conversation_count
               : MAIL_CONVERSATIONS_MAX;
}

static void append_conversations(const struct wording *wording, enum mail_text kind,
                                 struct buffer *out)
{
    for (size_t i = 0; i < told_conversations(wording->notification); i++) {
        if (i > 0)
            buffer_append_text(out, mail_text_is_html(kind) ? "\n" : "\n\n");
        append_conversation(wording, kind, &wording->notification->conversations[i], out);
    }
}

static void append_picture(const struct wording *wording, struct buffer *out)
{
    const char *values[MAIL_VARIABLE_COUNT] = {0};
    struct buffer address = BUFFER_EMPTY, salon = BUFFER_EMPTY;
    const char *picture = wording->notification->picture;

    if (picture != NULL && mail_wording_is_link(picture)) {
        values[MAIL_ADDRESS] = value_of(MAIL_TEXT_PICTURE_HTML, picture, &address);
        values[MAIL_SALON] = value_of(MAIL_TEXT_PICTURE_HTML, wording->salon.data, &salon);
        mail_texts_render(wording->texts, MAIL_TEXT_PICTURE_HTML, values, out);
    }
    out->failed |= address.failed || salon.failed;
    buffer_free(&salon);
    buffer_free(&address);
}

/* The whole, as MAIL_TEXT_MAIL or MAIL_TEXT_MAIL_HTML. */
static void append_mail(const struct wording *wording, enum mail_text kind, struct buffer *out)
{
    bool is_html = mail_text_is_html(kind);
    const char *values[MAIL_VARIABLE_COUNT] = {0};
    enum { NAME, FIRST_NAME, SALON, NUMBER, CONVERSATIONS, PICTURE, PREFERENCES, LINK, COUNT };
    struct buffer parts[COUNT] = {0};

    append_conversations(wording, is_html ? MAIL_TEXT_CONVERSATION_HTML : MAIL_TEXT_CONVERSATION,
                         &parts[CONVERSATIONS]);
    if (is_html)
        append_picture(wording, &parts[PICTURE]);
    const char *name = name_or(wording->notification->first_name, "", &parts[NAME]);
    values[MAIL_FIRST_NAME] = value_of(kind, name != NULL ? name : "", &parts[FIRST_NAME]);
    values[MAIL_SALON] = value_of(kind, wording->salon.data, &parts[SALON]);
    values[MAIL_NUMBER] = count_of(wording->count, &parts[NUMBER]);
    values[MAIL_CONVERSATIONS] = buffer_text(&parts[CONVERSATIONS]);
    values[MAIL_PICTURE] = buffer_text(&parts[PICTURE]);
    values[MAIL_PREFERENCES] =
        value_of(kind, wording->settings->preferences_link, &parts[PREFERENCES]);
    /* Where there is no such link one goes the longer way. */
    values[MAIL_UNSUBSCRIBE] =
        value_of(kind,
                 wording->unsubscribe.length > 0 ? wording->unsubscribe.data
                                                 : wording->settings->preferences_link,
                 &parts[LINK]);
    mail_texts_render(wording->texts, kind, values, out);
    for (int i = 0; i < COUNT; i++) {
        out->failed |= parts[i].failed;
        buffer_free(&parts[i]);
    }
}

static void append_subject(const struct wording *wording, struct buffer *out)
{
    const struct mail_notification *notification = wording->notification;
    const char *values[MAIL_VARIABLE_COUNT] = {0};
    struct buffer author = BUFFER_EMPTY, number = BUFFER_EMPTY, rendered = BUFFER_EMPTY;
    char conversations[24];

    snprintf(conversations, sizeof(conversations), "%zu", notification->conversation_count);
    values[MAIL_AUTHOR] = name_or(notification->conversations[0].author, NAMELESS_AUTHOR, &author);
    values[MAIL_NUMBER] = count_of(wording->count, &number);
    values[MAIL_CONVERSATIONS] = conversations;
    values[MAIL_SALON] = wording->salon.data;
    mail_texts_render(wording->texts,
                      notification->conversation_count == 1 ? MAIL_TEXT_SUBJECT
                                                            : MAIL_TEXT_SUBJECT_MANY,
                      values, &rendered);
    /* A template may have several lines. */
    mail_wording_line(buffer_text(&rendered), 3 * MAIL_NAME_MAX_CHARACTERS, out);
    out->failed |= author.failed || number.failed || rendered.failed;
    buffer_free(&rendered);
    buffer_free(&number);
    buffer_free(&author);
}

static void append_unsubscribe(const struct mail_settings *settings,
                               const struct mail_notification *notification, struct buffer *out)
{
    struct unsubscription unsubscription = {0};
    char token[UNSUBSCRIBE_TOKEN_BYTES];

    snprintf(unsubscription.user_id, sizeof(unsubscription.user_id), "%s", notification->user_id);
    if (notification->conversation_count == 1)
        snprintf(unsubscription.conversation_id, sizeof(unsubscription.conversation_id), "%s",
                 notification->conversations[0].id);
    if (settings->unsubscribe_link[0] == '\0' ||
        !unsubscribe_token_make(&settings->unsubscribe_keys, &unsubscription, token))
        return;
    buffer_append_text(out, settings->unsubscribe_link);
    buffer_append_text(out, token);
}

/* ---- the message ----------------------------------------------------------------------------- */

/* A field whose value is of machines: as it is, folded by us where it has to be. */
static void set_raw(GMimeMessage *message, const char *name, const char *value)
{
    GMimeHeaderList *headers = g_mime_object_get_header_list(GMIME_OBJECT(message));

    g_mime_header_list_append(headers, name, "x", NULL);
    GMimeHeader *header =
        g_mime_header_list_get_header_at(headers, g_mime_header_list_get_count(headers) - 1);
    g_mime_header_set_raw_value(header, value);
}

static void set_date(GMimeMessage *message, int64_t time_ms)
{
    GDateTime *date = g_date_time_new_from_unix_utc(time_ms / 1000);

    /* NULL for a year that no date has. */
    if (date == NULL)
        date = g_date_time_new_from_unix_utc(0);
    g_mime_message_set_date(message, date);
    g_date_time_unref(date);
}

static void set_message_id(GMimeMessage *message, const struct mail *mail, const char *id)
{
    char text[MAIL_ADDRESS_BYTES + 128];

    snprintf(text, sizeof(text), "%.100s@%s", id, mail_address_domain(&mail->sender));
    g_mime_message_set_message_id(message, text);
}

/* One address in a field, with the name before it. In another script it stands there as UTF-8,
 * which GMime would encode, and nothing may encode an address. */
static void set_address(GMimeMessage *message, GMimeAddressType type, const char *field,
                        const char *name, const struct mail_address *address)
{
    if (address->is_international) {
        char value[MAIL_ADDRESS_BYTES + 8];
        snprintf(value, sizeof(value), " <%s>\n", address->text);
        set_raw(message, field, value);
    } else {
        g_mime_message_add_mailbox(message, type, name[0] != '\0' ? name : NULL, address->text);
    }
}

static GMimeObject *make_part(const char *subtype, const char *text)
{
    GMimeTextPart *part = g_mime_text_part_new_with_subtype(subtype);

    g_mime_text_part_set_charset(part, "utf-8");
    g_mime_text_part_set_text(part, text);
    g_mime_part_set_content_encoding(GMIME_PART(part), GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    return GMIME_OBJECT(part);
}

/* The boundary is our own: quoted-printable has no "=_", so that it is in no body, and it is the
 * same for each attempt. */
static GMimeObject *make_alternatives(const char *id, const char *text, const char *html)
{
    GMimeMultipart *multipart = g_mime_multipart_new_with_subtype("alternative");
    char boundary[64];

    snprintf(boundary, sizeof(boundary), "=_%.50s", id);
    g_mime_multipart_set_boundary(multipart, boundary);
    const char *const bodies[] = {text, html};
    static const char *const subtypes[] = {"plain", "html"};
    for (int i = 0; i < 2; i++) {
        GMimeObject *part = make_part(subtypes[i], bodies[i]);
        g_mime_multipart_add(multipart, part);
        g_object_unref(part);
    }
    return GMIME_OBJECT(multipart);
}

/* Each end of a line is CR LF, whoever made it; a NUL goes. No bare CR or LF is left, which servers
 * could take for the end of the mail. */
static void append_lines(const unsigned char *bytes, size_t length, struct buffer *out)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\r' && i + 1 < length && bytes[i + 1] == '\n')
            continue;
        if (bytes[i] == '\r' || bytes[i] == '\n')
            buffer_append(out, "\r\n", 2);
        else if (bytes[i] != '\0')
            buffer_append(out, &bytes[i], 1);
    }
}

static bool write_message(GMimeMessage *message, struct mail *mail, struct error *error)
{
    GMimeStream *stream = g_mime_stream_mem_new();

    g_mime_object_write_to_stream(GMIME_OBJECT(message), NULL, stream);
    GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    append_lines(bytes->data, bytes->len, &mail->content);
    g_object_unref(stream);
    return !mail->content.failed || error_out_of_memory(error);
}

/* What every mail of ours has. */
static GMimeMessage *make_message(const struct mail_settings *settings, const struct mail *mail,
                                  const char *id, int64_t time_ms, const char *salon,
                                  const char *to_name, const char *subject)
{
    GMimeMessage *message = g_mime_message_new(FALSE);

    set_address(message, GMIME_ADDRESS_TYPE_FROM, "From", salon, &settings->from);
    set_address(message, GMIME_ADDRESS_TYPE_TO, "To", to_name, &mail->recipient);
    if (settings->reply_to.text[0] != '\0')
        set_address(message, GMIME_ADDRESS_TYPE_REPLY_TO, "Reply-To", "", &settings->reply_to);
    g_mime_message_set_subject(message, subject, "utf-8");
    set_date(message, time_ms);
    set_message_id(message, mail, id);
    set_raw(message, "Auto-Submitted", " auto-generated\n");
    return message;
}

static bool set_envelope(const struct mail_settings *settings, const char *to, struct mail *mail,
                         struct error *error)
{
    mail_clear(mail);
    mail->sender = settings->from;
    return mail_address_parse(to, &mail->recipient) ||
           error_set(error, ERROR_INVALID, "this is no address");
}

static void set_unsubscribe(GMimeMessage *message, const struct buffer *link)
{
    char value[MAIL_LINK_BYTES + 8];

    if (link->length == 0)
        return;
    snprintf(value, sizeof(value), " <%.*s>\n", (int)link->length, link->data);
    set_raw(message, "List-Unsubscribe", value);
    set_raw(message, "List-Unsubscribe-Post", " List-Unsubscribe=One-Click\n");
}

/* Once all words are there. */
static bool write_notification(const struct wording *wording, struct buffer *subject,
                               struct buffer *text, struct buffer *html, struct mail *mail,
                               struct error *error)
{
    const struct mail_notification *notification = wording->notification;
    struct buffer name = BUFFER_EMPTY;
    const char *to_name = name_or(notification->to_name, "", &name);
    const char *subject_text = buffer_text(subject);
    const char *plain = buffer_text(text);
    const char *rich = buffer_text(html);
    bool is_written = false;

    if (to_name == NULL || subject_text == NULL || plain == NULL || rich == NULL) {
        error_out_of_memory(error);
    } else {
        GMimeMessage *message =
            make_message(wording->settings, mail, notification->id, notification->time_ms,
                         wording->salon.data, to_name, subject_text);
        set_unsubscribe(message, &wording->unsubscribe);
        GMimeObject *body = make_alternatives(notification->id, plain, rich);
        g_mime_message_set_mime_part(message, body);
        is_written = write_message(message, mail, error);
        g_object_unref(body);
        g_object_unref(message);
    }
    buffer_free(&name);
    return is_written;
}

bool mail_message_build(const struct mail_settings *settings, const struct mail_texts *texts,
                        const struct mail_notification *notification, struct mail *mail,
                        struct error *error)
{
    struct wording wording = {.settings = settings, .texts = texts, .notification = notification};
    struct buffer subject = BUFFER_EMPTY, text = BUFFER_EMPTY, html = BUFFER_EMPTY;
    bool is_built = false;

    ASSERT(notification->conversation_count > 0);
    if (!set_envelope(settings, notification->to, mail, error))
        return false;
    for (size_t i = 0; i < notification->conversation_count; i++)
        wording.count += notification->conversations[i].count;
    append_unsubscribe(settings, notification, &wording.unsubscribe);
    if (name_or(notification->salon, NAMELESS_SALON, &wording.salon) == NULL ||
        wording.unsubscribe.failed ||
        (wording.unsubscribe.length > 0 && buffer_text(&wording.unsubscribe) == NULL)) {
        error_out_of_memory(error);
    } else {
        append_subject(&wording, &subject);
        append_mail(&wording, MAIL_TEXT_MAIL, &text);
        append_mail(&wording, MAIL_TEXT_MAIL_HTML, &html);
        is_built = write_notification(&wording, &subject, &text, &html, mail, error);
    }
    buffer_free(&html);
    buffer_free(&text);
    buffer_free(&subject);
    buffer_free(&wording.salon);
    buffer_free(&wording.unsubscribe);
    return is_built;
}

bool mail_message_build_test(const struct mail_settings *settings, const char *id, int64_t time_ms,
                             const char *to, struct mail *mail, struct error *error)
{
    if (!set_envelope(settings, to, mail, error))
        return false;
    GMimeMessage *message =
        make_message(settings, mail, id, time_ms, NAMELESS_SALON, "", TEST_SUBJECT);
    GMimeObject *part = make_part("plain", TEST_TEXT);
    g_mime_message_set_mime_part(message, part);
    bool is_written = write_message(message, mail, error);
    g_object_unref(part);
    g_object_unref(message);
    return is_written;
}
