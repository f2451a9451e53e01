#include <stddef.h>

#include "common/config.h"
#include "fcgi/conversation_handlers.h"
#include "fcgi/rest_program.h"

int main(int argc, char **argv)
{
    const struct rest_program program = {
        .name = "conversations",
        .router = &conversation_router,
        .socket_offset = offsetof(struct config, fastcgi_conversations_socket),
    };

    return rest_program_main(&program, argc, argv);
}
