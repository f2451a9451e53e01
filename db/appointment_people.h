/*
 * With whom a caller may open a conversation because they share an appointment, of whatever status:
 * for a salon its clients, for a client its salons where [messaging] clients_may_open lets it, for
 * anybody else nobody. Any thread.
 */
#ifndef MESSAGERIE_DB_APPOINTMENT_PEOPLE_H
#define MESSAGERIE_DB_APPOINTMENT_PEOPLE_H

#include <stdint.h>

#include "common/buffer.h"
#include "common/config.h"
#include "common/token.h"
#include "db/engine/operation.h"

/* Query over struct appointment_people: a page of them, in the order of their ids. Who has been
 * erased, or has another role by now, is left out, so a page may be short although there are more.
 */
struct appointment_people {
    struct caller caller;
    const struct config *config; /* says who may, and which roles are a client's or a salon's */
    const char *after;           /* the id behind which it begins; "": at the first */
    int64_t limit;               /* 1 to PAGE_LIMIT_MAX */
    struct buffer *json;         /* result: {data: [Person], hasMore, nextCursor?} */
};
DATABASE_QUERY(appointment_people, struct appointment_people);

#endif
