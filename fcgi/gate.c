#include "fcgi/gate.h"

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

/* The lock is held, but for the look of gate_give_way. */
static void change_inside(struct gate *gate, size_t difference)
{
    __atomic_add_fetch(&gate->inside, difference, __ATOMIC_RELAXED);
}

static void wait_for_place(struct gate *gate)
{
    gate->waiting++;
    while (gate->inside >= gate->limit && !gate->is_open)
        pthread_cond_wait(&gate->vacancy, &gate->lock);
    gate->waiting--;
    change_inside(gate, 1);
}

/* The lock is held. */
static void make_place(struct gate *gate)
{
    change_inside(gate, (size_t)-1);
    if (gate->waiting > 0 && gate->inside < gate->limit)
        pthread_cond_signal(&gate->vacancy);
}

void gate_enter(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    wait_for_place(gate);
    pthread_mutex_unlock(&gate->lock);
}

void gate_leave(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    make_place(gate);
    pthread_mutex_unlock(&gate->lock);
}

void gate_step_out(struct gate *gate)
{
    gate_leave(gate);
}

void gate_step_in(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    change_inside(gate, 1);
    pthread_mutex_unlock(&gate->lock);
}

void gate_give_way(struct gate *gate)
{
    if (__atomic_load_n(&gate->inside, __ATOMIC_RELAXED) <= gate->limit)
        return;
    pthread_mutex_lock(&gate->lock);
    if (gate->inside > gate->limit) {
        change_inside(gate, (size_t)-1);
        wait_for_place(gate);
    }
    pthread_mutex_unlock(&gate->lock);
}

void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->is_open = true;
    pthread_cond_broadcast(&gate->vacancy);
    pthread_mutex_unlock(&gate->lock);
}
