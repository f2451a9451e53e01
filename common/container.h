/*
 * From a member back to the struct that it is a part of. Timers, watches, tasks and table entries
 * live inside the objects that they belong to, so they cost no memory of their own, and a callback
 * that is given the member finds its object by this.
 */
#ifndef MESSAGERIE_COMMON_CONTAINER_H
#define MESSAGERIE_COMMON_CONTAINER_H

#include <stddef.h>

/* The struct of type `type` whose member `member` is at `pointer`. The comparison that is never
 * made lets the compiler warn when `pointer` has not the member's type. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(0 ? &((type *)0)->member : (pointer)) - offsetof(type, member)))

#endif
