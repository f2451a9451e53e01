/*
 * The event loop: one thread, one epoll descriptor. It calls back for descriptors that are ready
 * (level-triggered), for timers, and for work that was put off to the end of the turn. What it
 * watches are structs inside the caller's objects (see common/container.h), so watching costs no
 * memory of its own.
 *
 * One turn: wait; callbacks of the descriptors that are ready; of the timers that are due; then
 * the deferred tasks, until there are none or LOOP_TASK_ROUNDS rounds are over; then what was
 * buried is freed. The wait is as long as the nearest timer allows, for ever without one: an idle
 * loop does not wake up.
 *
 * A loop belongs to the thread that has created it; only loop_wakeup_signal may be called from
 * another. Callbacks may call everything but loop_run, loop_turn and loop_free.
 */
#ifndef MESSAGERIE_BROKER_TRANSPORT_LOOP_H
#define MESSAGERIE_BROKER_TRANSPORT_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "broker/transport/timer.h"
#include "common/error.h"
#include "common/services.h"

/* The buffer that all connections read into, one after the other. */
#define LOOP_BUFFER_BYTES (64 * 1024)

/* Rounds of tasks in one turn: a task may defer others, which run in the next round. */
#define LOOP_TASK_ROUNDS 16

struct loop;

/* NULL with *error (English) when the system refuses. Borrows services. */
struct loop *loop_create(const struct services *services, struct error *error);

/* Runs the tasks that are still waiting, then frees what was buried, and the loop. Everything must
 * have been unwatched and removed before. Accepts NULL. */
void loop_free(struct loop *loop);

/* Whether the caller is on the loop's thread. For assertions of those who belong to it. */
bool loop_is_here(const struct loop *loop);

const struct services *loop_services(const struct loop *loop);

/* Turns until loop_stop; false when waiting failed (logged). */
bool loop_run(struct loop *loop);

/* One turn, which waits at most max_wait_ms (-1: as long as the timers allow). For tests, and for
 * programs that end step by step. False as loop_run. */
bool loop_turn(struct loop *loop, int max_wait_ms);

/* Ends loop_run after this turn; called before it, loop_run returns at once. */
void loop_stop(struct loop *loop);

/* Monotonic milliseconds, as read when this turn's wait ended. */
int64_t loop_now_ms(const struct loop *loop);

/* LOOP_BUFFER_BYTES for the callback that is running; the next one will overwrite them. */
char *loop_buffer(struct loop *loop);

/* ---- descriptors --------------------------------------------------------------------------- */

struct loop_watch {
    int descriptor;
    uint32_t events; /* EPOLLIN, EPOLLOUT, …; EPOLLERR alone for none; 0 while not watched */
    void (*on_ready)(struct loop_watch *watch, uint32_t events);
};

/* Starts watching `descriptor`, which stays the caller's, by a watch that watches nothing yet.
 * False when the system refuses (errno). */
bool loop_watch(struct loop *loop, struct loop_watch *watch, int descriptor, uint32_t events,
                void (*on_ready)(struct loop_watch *watch, uint32_t events));

/* Changes the events of something watched. EPOLLERR and EPOLLHUP always come. */
void loop_rewatch(struct loop *loop, struct loop_watch *watch, uint32_t events);

/* Ends it: no callback comes any more, also not for what this turn has found ready, and the
 * watch may be freed at once. Does nothing when it is not watched. To be called before the
 * descriptor is closed. */
void loop_unwatch(struct loop *loop, struct loop_watch *watch);

/* ---- timers -------------------------------------------------------------------------------- */

/* Adds a timer, which is all zero and does not run yet; false without memory. */
bool loop_timer_add(struct loop *loop, struct timer *timer,
                    void (*on_timeout)(struct timer *timer));
void loop_timer_remove(struct loop *loop, struct timer *timer);

/* Calls back once, delay_ms from now (this turn's now); moves a timer that runs. */
void loop_timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms);
void loop_timer_stop(struct loop *loop, struct timer *timer);

/* ---- deferred work ------------------------------------------------------------------------- */

/* All zero but for `run` is a task that is not waiting. */
struct loop_task {
    struct loop_task *next, *previous; /* NULL while it is not waiting */
    void (*run)(struct loop_task *task);
};

/* Runs it at the end of this turn, in the order of deferral; nothing new when it waits already.
 * Before it runs it is taken off the list, so it may defer itself again or free its owner. */
void loop_defer(struct loop *loop, struct loop_task *task);

/* As loop_defer, but it runs at the end of the next turn, which does not wait: others have theirs
 * in between. */
void loop_put_off(struct loop *loop, struct loop_task *task);

/* Does nothing when it is not waiting. */
void loop_cancel(struct loop_task *task);

/* ---- fairness ------------------------------------------------------------------------------ */

/* Packets, frames or requests of one peer that are handled in one turn. The dearest thing that a
 * stranger can say is a bad token, some 0.1 ms. */
#define LOOP_SHARE 32

/* What a peer has had of its share of a turn. All zero at first. */
struct loop_share {
    uint32_t turn;
    uint32_t taken;
};

/* Takes one; false when this turn has no more for it. */
bool loop_share_take(const struct loop *loop, struct loop_share *share);

/* Whether there is one more to take. */
bool loop_share_is_left(const struct loop *loop, const struct loop_share *share);

/* ---- the end of objects -------------------------------------------------------------------- */

/* The first member of objects that callbacks may end while code up the stack still looks at them.
 */
struct loop_remains {
    struct loop_remains *next; /* NULL while the object lives */
};

/* Frees the object that begins with `remains`, which was allocated, at the end of this turn.
 * Whatever it owns, has watched, added or deferred is to be given up before. */
void loop_bury(struct loop *loop, struct loop_remains *remains);

/* ---- other threads ------------------------------------------------------------------------- */

/* Lets another thread call into the loop. Signals are not counted: several may give one call. */
struct loop_wakeup {
    struct loop *loop;
    struct loop_watch watch; /* of an eventfd */
    void (*on_wakeup)(struct loop_wakeup *wakeup);
};

/* False with *error (English) when the system refuses. */
bool loop_wakeup_open(struct loop *loop, struct loop_wakeup *wakeup,
                      void (*on_wakeup)(struct loop_wakeup *wakeup), struct error *error);

/* Any thread, until loop_wakeup_close. */
void loop_wakeup_signal(struct loop_wakeup *wakeup);

/* No thread may signal any more. */
void loop_wakeup_close(struct loop_wakeup *wakeup);

#endif
