#include "broker/transport/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/container.h"

/* Descriptors handled in one turn; the rest is still ready in the next. */
#define EVENTS_PER_TURN 256

/* Its address names the thread: asking for that is no call, and it is asked for each send. */
static _Thread_local char thread_mark;

/* What callbacks may do is anything, so each phase of a turn is safe against all others: events of
 * this turn are forgotten when their watch is, timers and tasks are taken off their list before
 * they are called, and objects are freed when nobody is on the stack. */

struct loop {
    const struct services *services;
    const char *thread; /* that it belongs to, see thread_mark */
    int descriptor;     /* of epoll */
    bool is_stopping;
    bool is_turning;
    size_t watches;
    int64_t now_ms;
    struct timer_heap timers;
    struct loop_task tasks;      /* head of a ring */
    struct loop_task next_tasks; /* likewise, for the next turn */
    uint32_t turn;
    struct loop_remains remains; /* head of a list that ends with it */
    /* This turn's events and the next one to handle, for loop_unwatch. */
    struct epoll_event events[EVENTS_PER_TURN];
    int event_count, event_next;
    char buffer[LOOP_BUFFER_BYTES];
};

static void ring_init(struct loop_task *head)
{
    head->next = head->previous = head;
}

struct loop *loop_create(const struct services *services, struct error *error)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    loop->services = services;
    loop->thread = &thread_mark;
    loop->remains.next = &loop->remains;
    loop->now_ms = clock_monotonic_ms(services->clock);
    ring_init(&loop->tasks);
    ring_init(&loop->next_tasks);
    loop->turn = 1;
    loop->descriptor = epoll_create1(EPOLL_CLOEXEC);
    if (loop->descriptor < 0) {
        error_set(error, ERROR_UNAVAILABLE, "cannot create an epoll descriptor: %s",
                  strerror(errno));
        free(loop);
        return NULL;
    }
    return loop;
}

bool loop_is_here(const struct loop *loop)
{
    return loop->thread == &thread_mark;
}

const struct services *loop_services(const struct loop *loop)
{
    return loop->services;
}

void loop_stop(struct loop *loop)
{
    loop->is_stopping = true;
}

int64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_ms;
}

char *loop_buffer(struct loop *loop)
{
    return loop->buffer;
}

/* ---- descriptors --------------------------------------------------------------------------- */

static bool control(struct loop *loop, int operation, struct loop_watch *watch)
{
    struct epoll_event event = {.events = watch->events, .data.ptr = watch};

    return epoll_ctl(loop->descriptor, operation, watch->descriptor, &event) == 0;
}

bool loop_watch(struct loop *loop, struct loop_watch *watch, int descriptor, uint32_t events,
                void (*on_ready)(struct loop_watch *watch, uint32_t events))
{
    ASSERT(loop_is_here(loop));
    ASSERT(events != 0 && watch->events == 0);
    watch->descriptor = descriptor;
    watch->events = events;
    watch->on_ready = on_ready;
    if (control(loop, EPOLL_CTL_ADD, watch)) {
        loop->watches++;
        return true;
    }
    watch->events = 0;
    return false;
}

void loop_rewatch(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
    if (watch->events == events)
        return;
    ASSERT(events != 0 && watch->events != 0);
    watch->events = events;
    /* This cannot fail: the descriptor is watched, and no memory is needed. */
    control(loop, EPOLL_CTL_MOD, watch);
}

void loop_unwatch(struct loop *loop, struct loop_watch *watch)
{
    if (watch->events == 0)
        return;
    ASSERT(loop_is_here(loop));
    watch->events = 0;
    loop->watches--;
    control(loop, EPOLL_CTL_DEL, watch);
    /* epoll has handed these out already: to whoever comes now, the watch may be freed memory. */
    for (int i = loop->event_next; i < loop->event_count; i++) {
        if (loop->events[i].data.ptr == watch)
            loop->events[i].data.ptr = NULL;
    }
}

/* Level-triggered: whoever stops reading because others wait is told again, and no edge can be
 * missed. It costs a system call only when the events that are wanted change. */
static void handle_descriptors(struct loop *loop)
{
    for (loop->event_next = 0; loop->event_next < loop->event_count;) {
        struct epoll_event *event = &loop->events[loop->event_next++];
        struct loop_watch *watch = event->data.ptr;

        if (watch != NULL)
            watch->on_ready(watch, event->events);
    }
    loop->event_count = 0;
}

/* ---- timers -------------------------------------------------------------------------------- */

bool loop_timer_add(struct loop *loop, struct timer *timer, void (*on_timeout)(struct timer *timer))
{
    return timer_add(&loop->timers, timer, on_timeout);
}

void loop_timer_remove(struct loop *loop, struct timer *timer)
{
    timer_remove(&loop->timers, timer);
}

void loop_timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms)
{
    ASSERT(loop_is_here(loop));
    timer_start(&loop->timers, timer, loop->now_ms + delay_ms);
}

void loop_timer_stop(struct loop *loop, struct timer *timer)
{
    timer_stop(&loop->timers, timer);
}

static void handle_timers(struct loop *loop)
{
    /* At most as many as are there now: one that restarts itself with no delay waits its turn. */
    for (size_t left = loop->timers.count; left > 0; left--) {
        struct timer *timer = timer_first(&loop->timers);

        if (timer == NULL || timer->deadline_ms > loop->now_ms)
            return;
        timer_stop(&loop->timers, timer);
        timer->on_timeout(timer);
    }
}

/* ---- deferred work ------------------------------------------------------------------------- */

static void task_append(struct loop_task *head, struct loop_task *task)
{
    task->previous = head->previous;
    task->next = head;
    head->previous->next = task;
    head->previous = task;
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    if (task->next != NULL)
        return;
    ASSERT(loop_is_here(loop));
    task_append(&loop->tasks, task);
}

void loop_put_off(struct loop *loop, struct loop_task *task)
{
    if (task->next != NULL)
        return;
    ASSERT(loop_is_here(loop));
    task_append(&loop->next_tasks, task);
}

void loop_cancel(struct loop_task *task)
{
    if (task->next == NULL)
        return;
    task->next->previous = task->previous;
    task->previous->next = task->next;
    task->next = task->previous = NULL;
}

/* Moves what waits into a ring of its own, so that a round has an end. */
static void take_tasks(struct loop_task *from, struct loop_task *to)
{
    ring_init(to);
    if (from->next == from)
        return;
    *to = *from;
    to->next->previous = to;
    to->previous->next = to;
    ring_init(from);
}

/* What was put off until this turn. */
static void take_next_tasks(struct loop *loop)
{
    struct loop_task waiting;

    take_tasks(&loop->next_tasks, &waiting);
    while (waiting.next != &waiting) {
        struct loop_task *task = waiting.next;

        loop_cancel(task);
        task_append(&loop->tasks, task);
    }
}

/* In rounds: what a task defers runs in this turn, too, so that what is sent because of something
 * that was sent leaves with it; but not without end, or nobody else would have a turn. */
static void handle_tasks(struct loop *loop)
{
    for (int round = 0; round < LOOP_TASK_ROUNDS && loop->tasks.next != &loop->tasks; round++) {
        struct loop_task waiting;

        take_tasks(&loop->tasks, &waiting);
        while (waiting.next != &waiting) {
            struct loop_task *task = waiting.next;

            loop_cancel(task);
            task->run(task);
        }
    }
}

/* ---- fairness ------------------------------------------------------------------------------ */

bool loop_share_is_left(const struct loop *loop, const struct loop_share *share)
{
    return share->turn != loop->turn || share->taken < LOOP_SHARE;
}

bool loop_share_take(const struct loop *loop, struct loop_share *share)
{
    if (share->turn != loop->turn)
        *share = (struct loop_share){.turn = loop->turn};
    if (share->taken >= LOOP_SHARE)
        return false;
    share->taken++;
    return true;
}

/* ---- the end of objects -------------------------------------------------------------------- */

void loop_bury(struct loop *loop, struct loop_remains *remains)
{
    ASSERT(loop_is_here(loop));
    ASSERT(remains->next == NULL);
    remains->next = loop->remains.next;
    loop->remains.next = remains;
}

/* Not freed when it ends: a callback may end an object whose code is still on the stack, and so may
 * one that is called by that callback. At the end of the turn the stack is empty. */
static void free_remains(struct loop *loop)
{
    while (loop->remains.next != &loop->remains) {
        struct loop_remains *remains = loop->remains.next;

        loop->remains.next = remains->next;
        free(remains);
    }
}

/* ---- turns --------------------------------------------------------------------------------- */

static int wait_ms(const struct loop *loop, int max_wait_ms)
{
    const struct timer *timer = timer_first(&loop->timers);

    if (loop->tasks.next != &loop->tasks || loop->next_tasks.next != &loop->next_tasks)
        return 0;
    if (timer == NULL)
        return max_wait_ms;
    /* Asked anew: what this turn has done took time, and the wait would be too long by that. */
    int64_t wait = timer->deadline_ms - clock_monotonic_ms(loop->services->clock);
    if (wait < 0)
        wait = 0;
    if (max_wait_ms >= 0 && wait > max_wait_ms)
        wait = max_wait_ms;
    return wait > INT_MAX ? INT_MAX : (int)wait;
}

bool loop_turn(struct loop *loop, int max_wait_ms)
{
    ASSERT(loop_is_here(loop) && !loop->is_turning);
    int count =
        epoll_wait(loop->descriptor, loop->events, EVENTS_PER_TURN, wait_ms(loop, max_wait_ms));

    if (count < 0 && errno != EINTR) {
        log_error(loop->services->log, "waiting for events failed",
                  LOG_TEXT("error", strerror(errno)));
        return false;
    }
    loop->now_ms = clock_monotonic_ms(loop->services->clock);
    loop->event_count = count > 0 ? count : 0;
    loop->is_turning = true;
    loop->turn++;
    take_next_tasks(loop);
    handle_descriptors(loop);
    handle_timers(loop);
    handle_tasks(loop);
    free_remains(loop);
    loop->is_turning = false;
    return true;
}

bool loop_run(struct loop *loop)
{
    while (!loop->is_stopping) {
        if (!loop_turn(loop, -1))
            return false;
    }
    loop->is_stopping = false;
    return true;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    ASSERT(loop_is_here(loop) && !loop->is_turning);
    take_next_tasks(loop);
    handle_tasks(loop);
    free_remains(loop);
    ASSERT(loop->watches == 0);
    close(loop->descriptor);
    timer_heap_free(&loop->timers);
    free(loop);
}

/* ---- other threads ------------------------------------------------------------------------- */

static void wakeup_on_ready(struct loop_watch *watch, uint32_t events)
{
    struct loop_wakeup *wakeup = CONTAINER_OF(watch, struct loop_wakeup, watch);
    uint64_t count;

    (void)events;
    /* Reading first: a signal that comes during the callback gives another one. */
    if (read(watch->descriptor, &count, sizeof(count)) == sizeof(count))
        wakeup->on_wakeup(wakeup);
}

bool loop_wakeup_open(struct loop *loop, struct loop_wakeup *wakeup,
                      void (*on_wakeup)(struct loop_wakeup *wakeup), struct error *error)
{
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    *wakeup = (struct loop_wakeup){.loop = loop, .on_wakeup = on_wakeup};
    if (descriptor >= 0 && loop_watch(loop, &wakeup->watch, descriptor, EPOLLIN, wakeup_on_ready))
        return true;
    error_set(error, ERROR_UNAVAILABLE, "cannot create an event descriptor: %s", strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return false;
}

void loop_wakeup_signal(struct loop_wakeup *wakeup)
{
    static const uint64_t one = 1;

    /* It only fails when the count is at its end, and then the loop is about to wake up anyway. */
    while (write(wakeup->watch.descriptor, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

void loop_wakeup_close(struct loop_wakeup *wakeup)
{
    loop_unwatch(wakeup->loop, &wakeup->watch);
    close(wakeup->watch.descriptor);
}
