#include <stddef.h>

#include "common/config.h"
#include "fcgi/appointment_handlers.h"
#include "fcgi/rest_program.h"

int main(int argc, char **argv)
{
    const struct rest_program program = {
        .name = "appointments",
        .router = &appointment_router,
        .socket_offset = offsetof(struct config, fastcgi_appointments_socket),
        .tells_of_appointments = true,
    };

    return rest_program_main(&program, argc, argv);
}
