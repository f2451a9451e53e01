#include "jobs/mail_report.h"

#include <string.h>
#include <strings.h>

#include <gmime/gmime.h>

/* A group of fields with more bytes is passed over. */
#define FIELDS_MAX_BYTES 65536

/* ---- the fields of message/delivery-status --------------------------------------------------- */

/* "rfc822; who@where" (RFC 3464 section 2.3.1), or "utf-8; …" (RFC 6533). */
static bool read_recipient(const char *value, struct mail_address *address)
{
    char copy[MAIL_ADDRESS_BYTES + 2];
    const char *semicolon = value != NULL ? strchr(value, ';') : NULL;

    if (semicolon == NULL)
        return false;
    const char *begin = semicolon + 1;
    begin += strspn(begin, " \t<");
    size_t length = strcspn(begin, " \t\r\n>");
    if (length == 0 || length >= sizeof(copy))
        return false;
    memcpy(copy, begin, length);
    copy[length] = '\0';
    return mail_address_parse(copy, address);
}

static const char *find_field(GMimeHeaderList *fields, const char *name)
{
    GMimeHeader *field = g_mime_header_list_get_header(fields, name);

    return field != NULL ? g_mime_header_get_raw_value(field) : NULL;
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t\r\n");
}

/* The reply's code in "smtp; 550 5.1.1 unknown"; 0 when there is none. */
static int read_code(const char *diagnostic)
{
    const char *semicolon = diagnostic != NULL ? strchr(diagnostic, ';') : NULL;

    if (semicolon == NULL)
        return 0;
    const char *digits = skip_blanks(semicolon + 1);
    if (strspn(digits, "0123456789") != 3)
        return 0;
    return (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
}

static void add_recipient(GMimeHeaderList *fields, struct mail_report *report)
{
    struct mail_report_recipient recipient = {0};
    const char *action = find_field(fields, "Action");
    const char *status = find_field(fields, "Status");

    if (report->count == MAIL_REPORT_RECIPIENTS_MAX || action == NULL ||
        (!read_recipient(find_field(fields, "Original-Recipient"), &recipient.address) &&
         !read_recipient(find_field(fields, "Final-Recipient"), &recipient.address)))
        return;
    if (status != NULL)
        mail_status_read(skip_blanks(status), recipient.status);
    recipient.has_failed = strncasecmp(skip_blanks(action), "failed", strlen("failed")) == 0;
    recipient.is_bad_address =
        recipient.has_failed && recipient.status[0] != '4' &&
        mail_status_is_of_address(recipient.status,
                                  read_code(find_field(fields, "Diagnostic-Code")));
    report->recipients[report->count++] = recipient;
}

/* One group of fields: GMime reads it as the header of an entity. */
static void read_group(const char *text, size_t length, struct mail_report *report)
{
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(text, length);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeObject *part = g_mime_parser_construct_part(parser, NULL);

    if (part != NULL) {
        add_recipient(g_mime_object_get_header_list(part), report);
        g_object_unref(part);
    }
    g_object_unref(parser);
    g_object_unref(stream);
}

/* Where the line that begins at `at` ends: behind its line feed, or at the end. */
static const char *next_line(const char *at, const char *end)
{
    const char *feed = memchr(at, '\n', (size_t)(end - at));

    return feed != NULL ? feed + 1 : end;
}

static bool is_empty_line(const char *at, const char *next)
{
    while (at < next && strchr(" \t\r\n", *at) != NULL && *at != '\0')
        at++;
    return at == next;
}

/* Groups with empty lines between: the first is of the report, each further one of a recipient. One
 * without a recipient adds nothing. */
static void read_groups(const char *text, size_t length, struct mail_report *report)
{
    const char *end = text + length;
    const char *group = text;

    for (const char *at = text; at < end;) {
        const char *next = next_line(at, end);
        if (is_empty_line(at, next)) {
            read_group(group, (size_t)(at - group), report);
            group = next;
        }
        at = next;
    }
    read_group(group, (size_t)(end - group), report);
}

/* ---- the parts ------------------------------------------------------------------------------- */

/* The decoded content of a part in a stream of memory, to be unreffed; its bytes are the stream's,
 * no more than FIELDS_MAX_BYTES. */
static GMimeStream *read_content(GMimePart *part, const char **bytes, size_t *length)
{
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    GMimeStream *memory = g_mime_stream_mem_new();

    if (content != NULL)
        g_mime_data_wrapper_write_to_stream(content, memory);
    GByteArray *array = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory));
    *bytes = array->data != NULL ? (const char *)array->data : "";
    *length = array->len < FIELDS_MAX_BYTES ? array->len : FIELDS_MAX_BYTES;
    return memory;
}

static void keep_message_id(const char *value, struct mail_report *report)
{
    const char *begin = value != NULL ? strchr(value, '<') : NULL;
    size_t length = begin != NULL ? strcspn(begin + 1, "<> \t\r\n") : 0;

    if (length == 0 || begin[1 + length] != '>' || length >= sizeof(report->message_id) ||
        report->message_id[0] != '\0')
        return;
    memcpy(report->message_id, begin + 1, length);
    report->message_id[length] = '\0';
}

/* The header of the mail that is given back, as text. */
static void read_returned_header(GMimePart *part, struct mail_report *report)
{
    const char *bytes;
    size_t length;
    GMimeStream *content = read_content(part, &bytes, &length);
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(bytes, length);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeObject *header = g_mime_parser_construct_part(parser, NULL);

    if (header != NULL) {
        keep_message_id(find_field(g_mime_object_get_header_list(header), "Message-ID"), report);
        g_object_unref(header);
    }
    g_object_unref(parser);
    g_object_unref(stream);
    g_object_unref(content);
}

static bool is_type(GMimeObject *object, const char *type, const char *subtype)
{
    GMimeContentType *content_type = g_mime_object_get_content_type(object);

    return content_type != NULL && g_mime_content_type_is_type(content_type, type, subtype);
}

static void read_part(GMimeObject *object, struct mail_report *report)
{
    const char *bytes;
    size_t length;

    if (GMIME_IS_MESSAGE_PART(object)) {
        GMimeMessage *returned = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
        if (returned != NULL)
            keep_message_id(
                find_field(g_mime_object_get_header_list(GMIME_OBJECT(returned)), "Message-ID"),
                report);
        return;
    }
    if (!GMIME_IS_PART(object))
        return;
    if (is_type(object, "message", "delivery-status") ||
        is_type(object, "message", "global-delivery-status")) {
        GMimeStream *content = read_content(GMIME_PART(object), &bytes, &length);
        read_groups(bytes, length, report);
        g_object_unref(content);
    } else if (is_type(object, "text", "rfc822-headers") ||
               is_type(object, "message", "global-headers")) {
        read_returned_header(GMIME_PART(object), report);
    }
}

static void read_object(GMimeObject *object, int depth, struct mail_report *report)
{
    if (!GMIME_IS_MULTIPART(object)) {
        read_part(object, report);
        return;
    }
    int count = g_mime_multipart_get_count(GMIME_MULTIPART(object));
    for (int i = 0; i < count && depth < MAIL_REPORT_MAX_DEPTH; i++)
        read_object(g_mime_multipart_get_part(GMIME_MULTIPART(object), i), depth + 1, report);
}

bool mail_report_read(const char *message, size_t length, struct mail_report *report)
{
    if (length > MAIL_REPORT_MAX_BYTES)
        length = MAIL_REPORT_MAX_BYTES;
    *report = (struct mail_report){0};

    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(message, length);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    /* An mbox's "From " line is what a delivery agent may put before it. */
    g_mime_parser_set_format(parser, length >= 5 && memcmp(message, "From ", 5) == 0
                                         ? GMIME_FORMAT_MBOX
                                         : GMIME_FORMAT_MESSAGE);
    GMimeMessage *parsed = g_mime_parser_construct_message(parser, NULL);
    if (parsed != NULL) {
        GMimeObject *root = g_mime_message_get_mime_part(parsed);
        if (root != NULL)
            read_object(root, 0, report);
        g_object_unref(parsed);
    }
    g_object_unref(parser);
    g_object_unref(stream);
    return report->count > 0;
}
