/*
 * The tables and lists of users, rooms and memberships.
 */
#include "tests/unit/unit_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/rooms.h"

static void a_table_finds_what_is_in_it(void **state)
{
    enum { COUNT = 1000 };
    static struct {
        struct table_entry entry;
        char key[16];
    } objects[COUNT];
    struct table table = {0};

    (void)state;
    assert_null(table_find(&table, "0"));
    assert_null(table_first(&table));
    for (int i = 0; i < COUNT; i++) {
        snprintf(objects[i].key, sizeof(objects[i].key), "%d", i);
        objects[i].entry.key = objects[i].key;
        assert_true(table_add(&table, &objects[i].entry));
    }
    for (int i = 0; i < COUNT; i++)
        assert_ptr_equal(table_find(&table, objects[i].key), &objects[i].entry);
    for (int i = 0; i < COUNT; i += 2)
        table_remove(&table, &objects[i].entry);
    for (int i = 0; i < COUNT; i++)
        assert_ptr_equal(table_find(&table, objects[i].key), i % 2 == 0 ? NULL : &objects[i].entry);
    assert_int_equal(table.count, COUNT / 2);
    for (struct table_entry *entry; (entry = table_first(&table)) != NULL;)
        table_remove(&table, entry);
    assert_int_equal(table.count, 0);
    table_free(&table);
}

static struct occupant *add_occupant(struct rooms *rooms, const char *user_id)
{
    struct occupant *occupant = calloc(1, sizeof(*occupant));

    assert_non_null(occupant);
    occupant->user = rooms_take_user(rooms, user_id);
    assert_non_null(occupant->user);
    rooms_add_occupant(occupant);
    return occupant;
}

static void remove_occupant(struct rooms *rooms, struct occupant *occupant)
{
    rooms_leave_all(rooms, occupant);
    rooms_remove_occupant(rooms, occupant);
    free(occupant);
}

static void join(struct rooms *rooms, struct occupant *occupant, const char *room_id)
{
    struct membership *membership = rooms_join(rooms, occupant, room_id);

    assert_non_null(membership);
    membership->is_pending = false;
}

static void nobody_is_left_behind(void **state)
{
    struct rooms rooms = {0};
    struct occupant *tabs[3] = {add_occupant(&rooms, "s1"), add_occupant(&rooms, "s1"),
                                add_occupant(&rooms, "c1")};

    (void)state;
    assert_int_equal(rooms.users.count, 2);
    assert_int_equal(rooms_find_user(&rooms, "s1")->socket_count, 2);
    for (int i = 0; i < 3; i++) {
        join(&rooms, tabs[i], "r1");
        join(&rooms, tabs[i], "r2");
    }
    assert_int_equal(rooms.rooms.count, 2);
    assert_int_equal(rooms.memberships, 6);
    rooms_leave(&rooms, rooms_find_membership(tabs[1], "r1"));
    assert_null(rooms_find_membership(tabs[1], "r1"));
    assert_non_null(rooms_find_membership(tabs[1], "r2"));
    assert_int_equal(tabs[1]->room_count, 1);
    remove_occupant(&rooms, tabs[0]);
    remove_occupant(&rooms, tabs[2]);
    assert_null(rooms_find_user(&rooms, "c1"));
    assert_null(rooms_find_room(&rooms, "r1"));
    assert_ptr_equal(rooms_find_room(&rooms, "r2")->first->occupant, tabs[1]);
    remove_occupant(&rooms, tabs[1]);
    assert_int_equal(rooms.users.count, 0);
    assert_int_equal(rooms.rooms.count, 0);
    assert_int_equal(rooms.memberships, 0);
    rooms_free(&rooms);
}

static void a_room_has_an_id_of_ours(void **state)
{
    struct rooms rooms = {0};
    struct occupant *tab = add_occupant(&rooms, "s1");
    char id[ID_BYTES + 1];

    (void)state;
    memset(id, 'x', ID_BYTES);
    id[ID_BYTES] = '\0';
    assert_null(rooms_join(&rooms, tab, id));
    id[ID_BYTES - 1] = '\0';
    join(&rooms, tab, id);
    remove_occupant(&rooms, tab);
    rooms_free(&rooms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_finds_what_is_in_it),
        cmocka_unit_test(nobody_is_left_behind),
        cmocka_unit_test(a_room_has_an_id_of_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
