/*
 * Lets only some of many threads work at a time. Threads that wait for a disk or a peer need to be
 * many; threads that compute only get into each other's way when there are more of them than
 * processors. So a worker is inside the gate while it computes (or waits for work), and steps
 * outside for as long as it waits for something else, which lets another one in.
 *
 * Any thread. Order of calls of each: gate_enter, then any number of gate_step_out and
 * gate_step_in in pairs and of gate_give_way, at the end gate_leave.
 */
#ifndef MESSAGERIE_FCGI_GATE_H
#define MESSAGERIE_FCGI_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t vacancy;
    size_t limit;
    size_t inside;  /* atomic */
    size_t waiting; /* atomic */
    bool is_open;   /* with the lock */
};

/* For at most `limit` threads (from 1) at a time. */
void gate_init(struct gate *gate, size_t limit);
/* Nobody is in it or waits for it. */
void gate_destroy(struct gate *gate);

/* Waits for a place. */
void gate_enter(struct gate *gate);
void gate_leave(struct gate *gate);

/* Before and after waiting for something else. Stepping in again never waits, so that what has
 * been begun is finished; there may then be more threads inside than the limit says. */
void gate_step_out(struct gate *gate);
void gate_step_in(struct gate *gate);

/* Between two pieces of work: waits for a place when there are too many inside. */
void gate_give_way(struct gate *gate);

/* No limit from now on; whoever waits comes in. */
void gate_open(struct gate *gate);

#endif
