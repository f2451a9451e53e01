#include "fcgi/gate.h"

#include "common/assert.h"

void gate_init(struct gate *gate, size_t limit)
{
    *gate = (struct gate){.limit = limit};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->vacancy, NULL);
}

void gate_destroy(struct gate *gate)
{
    pthread_cond_destroy(&gate->vacancy);
    pthread_mutex_destroy(&gate->lock);
}

/*
 * `inside` and `waiting` are changed without the lock where nobody waits, as threads come back from
 * one commit all at once. Whoever comes to wait counts itself as waiting before it looks at
 * `inside`, whoever makes a place does both the other way round, so that one sees the other; the
 * lock then makes sure that the signal comes after the waiting has begun.
 */
static size_t change_inside(struct gate *gate, size_t difference)
{
    return __atomic_add_fetch(&gate->inside, difference, __ATOMIC_SEQ_CST);
}

static void change_waiting(struct gate *gate, size_t difference)
{
    __atomic_add_fetch(&gate->waiting, difference, __ATOMIC_SEQ_CST);
}

static size_t look_at(const size_t *number)
{
    return __atomic_load_n(number, __ATOMIC_SEQ_CST);
}

/* Takes a place unless there are as many inside as may be. */
static bool take_place(struct gate *gate)
{
    size_t inside = look_at(&gate->inside);

    while (inside < gate->limit)
        if (__atomic_compare_exchange_n(&gate->inside, &inside, inside + 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    return false;
}

static void wait_for_place(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    change_waiting(gate, 1);
    while (!take_place(gate)) {
        if (gate->is_open) {
            change_inside(gate, 1);
            break;
        }
        pthread_cond_wait(&gate->vacancy, &gate->lock);
    }
    change_waiting(gate, (size_t)-1);
    pthread_mutex_unlock(&gate->lock);
}

static void make_place(struct gate *gate)
{
    size_t inside = change_inside(gate, (size_t)-1);

    ASSERT(inside != (size_t)-1); /* else somebody has left who was not in */
    if (inside >= gate->limit || look_at(&gate->waiting) == 0)
        return;
    pthread_mutex_lock(&gate->lock);
    pthread_cond_signal(&gate->vacancy);
    pthread_mutex_unlock(&gate->lock);
}

void gate_enter(struct gate *gate)
{
    if (!take_place(gate))
        wait_for_place(gate);
}

void gate_leave(struct gate *gate)
{
    make_place(gate);
}

void gate_step_out(struct gate *gate)
{
    make_place(gate);
}

void gate_step_in(struct gate *gate)
{
    change_inside(gate, 1);
}

void gate_give_way(struct gate *gate)
{
    if (look_at(&gate->inside) <= gate->limit)
        return;
    make_place(gate);
    gate_enter(gate);
}

void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->is_open = true;
    pthread_cond_broadcast(&gate->vacancy);
    pthread_mutex_unlock(&gate->lock);
}
