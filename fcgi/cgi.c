#include "fcgi/cgi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Why not libfcgi, which speaks of CGI, too? FCGX_Accept_r fails where descriptor 0 is no listening
 * socket, and its other interface is stdio, of which there is one for a process. */

bool cgi_is_requested(void)
{
    return getenv("REQUEST_METHOD") != NULL;
}

/* What is left of the body. The server doesn't have to close descriptor 0 behind it. */
struct input {
    unsigned long long left;
};

static ssize_t read_request_body(void *context, void *out, size_t length)
{
    struct input *input = context;
    ssize_t count;

    if (length > input->left)
        length = (size_t)input->left;
    if (length == 0)
        return 0;
    do
        count = read(STDIN_FILENO, out, length);
    while (count < 0 && errno == EINTR);
    if (count > 0)
        input->left -= (unsigned long long)count;
    return count;
}

/* The web server's end may be a socket: closing ours with something unread in it would take the
 * answer away from the server (seen with Apache's mod_cgid). */
static void discard_input(struct input *input)
{
    char trash[8192];
    size_t discarded = 0;
    ssize_t count;

    while (discarded < DISCARDED_BODY_MAX_BYTES &&
           (count = read_request_body(input, trash, sizeof(trash))) > 0)
        discarded += (size_t)count;
}

static bool write_output(struct text_span text)
{
    while (text.length > 0) {
        ssize_t count = write(STDOUT_FILENO, text.data, text.length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        text.data += count;
        text.length -= (size_t)count;
    }
    return true;
}

/* What the process still has to write into the database is not waited for by the web server. */
static void end_output(void)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (nowhere < 0)
        return;
    dup2(nowhere, STDOUT_FILENO);
    close(nowhere);
}

bool cgi_run(void (*answer)(void *context, struct request *request, struct response *response),
             void *context)
{
    const char *length = getenv("CONTENT_LENGTH");
    struct input input = {length != NULL ? strtoull(length, NULL, 10) : 0};
    const struct transport transport = {environ, read_request_body, NULL, &input};
    struct request request = REQUEST_EMPTY;
    struct response response = RESPONSE_EMPTY;

    request_begin(&request, &transport);
    answer(context, &request, &response);
    discard_input(&input);
    bool is_written = write_output(response.sent_head) && write_output(response.sent_body);
    end_output();
    request_free(&request);
    response_free(&response);
    return is_written;
}
