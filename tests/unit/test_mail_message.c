#include "tests/unit/unit_test.h"

#include <stdlib.h>

#include <gmime/gmime.h>

#include "jobs/mail_message.h"

#define NOTIFICATION_ID "0193a8b0-0000-7000-8000-000000000001"

struct fixture {
    struct config config;
    struct mail_settings settings;
    struct mail_texts *texts;
    struct mail mail;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error error;

    assert_non_null(fixture);
    error_clear(&error);
    strcpy(fixture->config.auth_jwt_secret, "geheim");
    strcpy(fixture->config.http_public_url, "https://chat.example");
    strcpy(fixture->config.mail_url, "smtp://localhost");
    strcpy(fixture->config.mail_from, "rdv@Salon.example");
    strcpy(fixture->config.mail_excerpt, "short");
    fixture->texts = mail_texts_load("/nowhere", &error);
    if (fixture->texts == NULL)
        fail_msg("%s", error.text);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    mail_settings_clear(&fixture->settings);
    mail_texts_free(fixture->texts);
    mail_free(&fixture->mail);
    free(fixture);
    return 0;
}

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

static void load(struct fixture *fixture)
{
    struct error error;

    error_clear(&error);
    mail_settings_clear(&fixture->settings);
    if (!mail_settings_load(&fixture->settings, &fixture->config, &error))
        fail_msg("%s", error.text);
}

static const char *const greeting[] = {"Bonjour <b>Léa</b> & co,\r\nà demain ?"};
static const struct mail_conversation conversation = {
    .id = "c-1", .author = "Encre Noire", .count = 3, .excerpts = greeting, .excerpt_count = 1};

static struct mail_notification sample(void)
{
    return (struct mail_notification){.id = NOTIFICATION_ID,
                                      .time_ms = 1796104800000,
                                      .user_id = "client-1",
                                      .to = "lea@B.example",
                                      .to_name = "Léa Dupont",
                                      .first_name = "Léa",
                                      .salon = "Encre Noire",
                                      .conversations = &conversation,
                                      .conversation_count = 1};
}

/* Builds it, and looks at what holds for every mail of ours. */
static void build(struct fixture *fixture, const struct mail_notification *notification)
{
    struct error error;
    size_t line = 0;

    error_clear(&error);
    if (!mail_message_build(&fixture->settings, fixture->texts, notification, &fixture->mail,
                            &error))
        fail_msg("%s", error.text);
    const struct buffer *content = &fixture->mail.content;
    for (size_t i = 0; i < content->length; i++) {
        char byte = content->data[i];
        assert_true(byte != '\0');
        assert_true((byte == '\n') == (i > 0 && content->data[i - 1] == '\r'));
        line = byte == '\n' ? 0 : line + 1;
        assert_true(line <= 999); /* its CR counts */
        if (!fixture->mail.recipient.is_international)
            assert_true((unsigned char)byte < 0x80);
    }
    assert_memory_equal(content->data + content->length - 2, "\r\n", 2);
}

static GMimeMessage *parse(struct fixture *fixture)
{
    GMimeStream *stream =
        g_mime_stream_mem_new_with_buffer(fixture->mail.content.data, fixture->mail.content.length);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);

    assert_non_null(message);
    g_object_unref(parser);
    g_object_unref(stream);
    return message;
}

/* Text 0, HTML 1, with LF; to be freed. */
static char *body_of(GMimeMessage *message, int index)
{
    GMimeObject *root = g_mime_message_get_mime_part(message);

    assert_true(GMIME_IS_MULTIPART(root));
    assert_int_equal(g_mime_multipart_get_count(GMIME_MULTIPART(root)), 2);
    GMimeObject *part = g_mime_multipart_get_part(GMIME_MULTIPART(root), index);
    assert_true(GMIME_IS_TEXT_PART(part));
    char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
    char *to = text;
    for (const char *from = text; *from != '\0'; from++)
        if (*from != '\r')
            *to++ = *from;
    *to = '\0';
    return text;
}

static void check_body(struct fixture *fixture, int index, const char *expected, bool has)
{
    GMimeMessage *message = parse(fixture);
    char *text = body_of(message, index);

    if ((strstr(text, expected) != NULL) != has)
        fail_msg("%s: %s\n%s", has ? "missing" : "should not be there", expected, text);
    g_free(text);
    g_object_unref(message);
}

static void check_header(struct fixture *fixture, const char *name, const char *expected)
{
    GMimeMessage *message = parse(fixture);
    const char *value = g_mime_object_get_header(GMIME_OBJECT(message), name);

    if (expected == NULL)
        assert_null(value);
    else
        assert_string_equal(value, expected);
    g_object_unref(message);
}

static int count_fields(struct fixture *fixture)
{
    GMimeMessage *message = parse(fixture);
    int count = g_mime_header_list_get_count(g_mime_object_get_header_list(GMIME_OBJECT(message)));

    g_object_unref(message);
    return count;
}

static void a_notification_says_who_wrote_and_where_to_read_it(void **state)
{
    struct fixture *fixture = *state;
    struct mail_notification notification = sample();

    load(fixture);
    build(fixture, &notification);
    assert_string_equal(fixture->mail.sender.text, "rdv@salon.example");
    assert_string_equal(fixture->mail.recipient.text, "lea@b.example");
    check_header(fixture, "From", "Encre Noire <rdv@salon.example>");
    check_header(fixture, "Subject", "3 nouveaux messages de Encre Noire");
    check_header(fixture, "Message-ID", "<" NOTIFICATION_ID "@salon.example>");
    check_header(fixture, "Auto-Submitted", "auto-generated");
    check_header(fixture, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
    check_header(fixture, "Date", "Tue, 01 Dec 2026 06:00:00 +0000");
    check_header(fixture, "Reply-To", NULL);
    check_body(fixture, 0, "Bonjour Léa,", true);
    check_body(fixture, 0, "« Bonjour <b>Léa</b> & co, à demain ? »", true);
    check_body(fixture, 0, "https://chat.example/messagerie/#conversation=c-1", true);
    check_body(fixture, 0, "https://chat.example/messagerie/#preferences", true);
    check_body(fixture, 1, "Bonjour &lt;b&gt;Léa&lt;/b&gt; &amp; co, à demain ?", true);
    check_body(fixture, 1, "<img", false);
}

static void each_attempt_is_the_same_mail(void **state)
{
    struct fixture *fixture = *state;
    struct mail_notification notification = sample();
    struct buffer first = BUFFER_EMPTY;

    load(fixture);
    build(fixture, &notification);
    buffer_append(&first, fixture->mail.content.data, fixture->mail.content.length);
    build(fixture, &notification);
    assert_int_equal(first.length, fixture->mail.content.length);
    assert_memory_equal(first.data, fixture->mail.content.data, first.length);
    buffer_free(&first);
}

static void the_link_that_stops_it_names_person_and_conversation(void **state)
{
    static const char begin[] = "<https://chat.example" MAIL_UNSUBSCRIBE_PATH "?token=";
    struct fixture *fixture = *state;
    struct mail_conversation conversations[2] = {conversation, conversation};
    struct mail_notification notification = sample();
    struct unsubscription unsubscription;

    load(fixture);
    notification.conversations = conversations;
    for (size_t count = 1; count <= 2; count++) {
        notification.conversation_count = count;
        build(fixture, &notification);
        GMimeMessage *message = parse(fixture);
        char *value = g_strdup(g_mime_object_get_header(GMIME_OBJECT(message), "List-Unsubscribe"));
        assert_memory_equal(value, begin, strlen(begin));
        assert_int_equal(value[strlen(value) - 1], '>');
        value[strlen(value) - 1] = '\0';
        assert_true(unsubscribe_token_read(&fixture->settings.unsubscribe_keys,
                                           value + strlen(begin), &unsubscription));
        assert_string_equal(unsubscription.user_id, "client-1");
        assert_string_equal(unsubscription.conversation_id, count == 1 ? "c-1" : "");
        g_free(value);
        g_object_unref(message);
    }
    check_header(fixture, "Subject", "6 nouveaux messages dans 2 conversations");
}

static void nothing_in_a_name_makes_a_field_or_a_line(void **state)
{
    static const char *const names[] = {
        "x\r\nBcc: evil@example.com",
        "x\nBcc: evil@example.com",
        "x\rBcc: evil@example.com",
        "\r\n.\r\nMAIL FROM:<evil@example.com>",
        "\xff\xfe",
        "\"; <evil@example.com>, ",
        "=?utf-8?Q?x=0D=0ABcc:_evil=40example.com?=",
        "x\u2028Bcc: evil@example.com",
        "👩‍👩‍👧‍👦 صالون الحبر \u202ex\u202c",
        "(comment) a,b;c:d",
    };
    struct fixture *fixture = *state;

    load(fixture);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        struct mail_conversation told = conversation;
        struct mail_notification notification = sample();
        build(fixture, &notification);
        int fields = count_fields(fixture);
        told.author = names[i];
        told.excerpts = &names[i];
        notification.conversations = &told;
        notification.salon = notification.to_name = notification.first_name = names[i];
        build(fixture, &notification);
        assert_int_equal(count_fields(fixture), fields);
        check_header(fixture, "Bcc", NULL);
        GMimeMessage *message = parse(fixture);
        InternetAddressList *to = g_mime_message_get_to(message);
        assert_int_equal(internet_address_list_length(to), 1);
        InternetAddress *address = internet_address_list_get_address(to, 0);
        assert_true(INTERNET_ADDRESS_IS_MAILBOX(address));
        assert_string_equal(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address)),
                            "lea@b.example");
        g_object_unref(message);
    }
}

static void html_is_escaped_wherever_a_word_stands(void **state)
{
    static const char evil[] = "<script>alert(1)</script>\"'&";
    static const char *const excerpts[] = {evil};
    struct fixture *fixture = *state;
    struct mail_conversation told = {
        .id = evil, .author = evil, .count = 1, .excerpts = excerpts, .excerpt_count = 1};
    struct mail_notification notification = sample();

    load(fixture);
    notification.conversations = &told;
    notification.salon = notification.first_name = evil;
    notification.picture = "https://salon.example/a.png?x=1&y='\"><script>";
    build(fixture, &notification);
    check_body(fixture, 1, "<script", false);
    check_body(fixture, 1, "alert(1)&lt;/script&gt;&quot;&#39;&amp;", true);
    check_body(fixture, 1, "#conversation=%3Cscript%3E", true);
    check_body(fixture, 1, "<img", false);
    notification.picture = "https://salon.example/a.png?x=1&y='";
    build(fixture, &notification);
    check_body(fixture, 1, "<img src=\"https://salon.example/a.png?x=1&amp;y=&#39;\"", true);
}

static void an_excerpt_is_none_short_or_full(void **state)
{
    struct fixture *fixture = *state;
    struct mail_notification notification = sample();
    char *text = calloc(1, 10000);
    const char *excerpts[] = {text};
    struct mail_conversation told = conversation;

    assert_non_null(text);
    strcpy(text, "abcd"); /* so that the cut falls into a family */
    for (int i = 0; i < 100; i++)
        strcat(text, "ligne\r\n👩‍👩‍👧‍👦");
    told.excerpts = excerpts;
    notification.conversations = &told;
    strcpy(fixture->config.mail_excerpt, "none");
    load(fixture);
    build(fixture, &notification);
    check_body(fixture, 0, "ligne", false);
    strcpy(fixture->config.mail_excerpt, "short");
    load(fixture);
    build(fixture, &notification);
    check_body(fixture, 0, "ligne 👩‍👩‍👧‍👦ligne", true);
    check_body(fixture, 0, "👩‍👩‍👧‍👦ligne… »", true);
    strcpy(fixture->config.mail_excerpt, "full");
    load(fixture);
    build(fixture, &notification);
    check_body(fixture, 1, "ligne<br>👩‍👩‍👧‍👦ligne", true);
    check_body(fixture, 1, "…", false);
    free(text);
}

static void long_words_and_lone_dots_keep_their_lines(void **state)
{
    struct fixture *fixture = *state;
    struct mail_notification notification = sample();
    char *text = calloc(1, 9000);
    const char *excerpts[] = {text, "a\n.\nb\n..\r.\r\nFrom x"};
    struct mail_conversation told = conversation;

    assert_non_null(text);
    memset(text, 'x', 3900);
    told.excerpts = excerpts;
    told.excerpt_count = 2;
    notification.conversations = &told;
    strcpy(fixture->config.mail_excerpt, "full");
    load(fixture);
    build(fixture, &notification);
    check_body(fixture, 0, text, true);
    check_body(fixture, 0, "a\n.\nb\n..\n.\nFrom x", true);
    free(text);
}

static void an_address_in_another_script_stands_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct mail_notification notification = sample();

    load(fixture);
    notification.to = "léa@bücher.example";
    build(fixture, &notification);
    assert_true(fixture->mail.recipient.is_international);
    assert_non_null(memmem(fixture->mail.content.data, fixture->mail.content.length,
                           "To: <léa@xn--bcher-kva.example>\r\n",
                           strlen("To: <léa@xn--bcher-kva.example>\r\n")));
}

static void what_is_no_address_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct mail_notification notification = sample();
    struct error error;

    load(fixture);
    error_clear(&error);
    notification.to = "lea@b.example\r\nBcc: x@y.example";
    assert_false(mail_message_build(&fixture->settings, fixture->texts, &notification,
                                    &fixture->mail, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
}

static void check_refused(struct fixture *fixture, const char *expected)
{
    struct mail_settings settings;
    struct error error;

    error_clear(&error);
    assert_false(mail_settings_load(&settings, &fixture->config, &error));
    if (strstr(error.text, expected) == NULL)
        fail_msg("%s: not in: %s", expected, error.text);
    assert_null(strstr(error.text, "passwort"));
    mail_settings_clear(&settings);
}

static void bad_settings_are_told(void **state)
{
    static const char *const urls[] = {"http://localhost",
                                       "smtp://",
                                       "localhost",
                                       "smtp://a b",
                                       "smtp://u:passwort@host/path",
                                       "sendmail:sendmail",
                                       "ftp://u:passwort@host"};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(urls); i++) {
        strcpy(fixture->config.mail_url, urls[i]);
        check_refused(fixture, "url in [mail]");
    }
    strcpy(fixture->config.mail_url, "smtp://localhost");
    strcpy(fixture->config.mail_from, "Salon <rdv@salon.example>");
    check_refused(fixture, "from in [mail]");
    strcpy(fixture->config.mail_from, "rdv@salon.example");
    strcpy(fixture->config.mail_reply_to, "nobody");
    check_refused(fixture, "reply_to in [mail]");
    fixture->config.mail_reply_to[0] = '\0';
    strcpy(fixture->config.mail_password_file, "/nowhere/secret");
    check_refused(fixture, "/nowhere/secret");
    fixture->config.mail_password_file[0] = '\0';
    fixture->config.http_public_url[0] = '\0';
    check_refused(fixture, "link in [mail]");
    fixture->config.mail_url[0] = '\0';
    load(fixture);
    assert_int_equal(fixture->settings.transport, MAIL_TRANSPORT_NONE);
}

static void a_url_is_taken_apart(void **state)
{
    struct fixture *fixture = *state;

    strcpy(fixture->config.mail_url, "smtps://us%40er:pass%3Awort@mail.example:4650");
    load(fixture);
    assert_string_equal(fixture->settings.server, "smtps://mail.example:4650/");
    assert_string_equal(fixture->settings.user, "us@er");
    assert_string_equal(fixture->settings.password, "pass:wort");
    assert_true(fixture->settings.needs_tls);
    static const char *const local[] = {"smtp://localhost", "smtp://127.0.0.1:25", "smtp://[::1]"};
    for (size_t i = 0; i < ARRAY_LENGTH(local); i++) {
        strcpy(fixture->config.mail_url, local[i]);
        load(fixture);
        assert_false(fixture->settings.needs_tls);
    }
    strcpy(fixture->config.mail_url, "smtp://localhost.example");
    load(fixture);
    assert_true(fixture->settings.needs_tls);
    strcpy(fixture->config.mail_url, "sendmail:/usr/sbin/sendmail");
    load(fixture);
    assert_string_equal(fixture->settings.program, "/usr/sbin/sendmail");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_notification_says_who_wrote_and_where_to_read_it),
        TEST(each_attempt_is_the_same_mail),
        TEST(the_link_that_stops_it_names_person_and_conversation),
        TEST(nothing_in_a_name_makes_a_field_or_a_line),
        TEST(html_is_escaped_wherever_a_word_stands),
        TEST(an_excerpt_is_none_short_or_full),
        TEST(long_words_and_lone_dots_keep_their_lines),
        TEST(an_address_in_another_script_stands_as_it_is),
        TEST(what_is_no_address_is_told),
        TEST(bad_settings_are_told),
        TEST(a_url_is_taken_apart),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
