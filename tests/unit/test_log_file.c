/*
 * db/log_file.h by itself, as SQLite calls it: what is collected, when it reaches the file, and
 * that reading never misses it. (That commits survive is what the tests of db/ and the end-to-end
 * tests show.)
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "db/log_file.h"
#include "tests/unit/unit_test.h"

#define HEAD_BYTES 24
#define PAGE_BYTES 4096

struct log_test {
    char database_path[64]; /* whose mode a log gets */
    char path[80];          /* with NULs behind it, as SQLite's names have */
    sqlite3_vfs *system;
    sqlite3_file *file;
};

static void open_as(struct log_test *test, int kind)
{
    int flags;

    assert_int_equal(test->system->xOpen(test->system, test->path, test->file,
                                         kind | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &flags),
                     SQLITE_OK);
}

static int set_up(void **state)
{
    struct log_test *test = calloc(1, sizeof(*test));

    strcpy(test->database_path, "/tmp/messagerie-log-XXXXXX");
    close(mkstemp(test->database_path));
    snprintf(test->path, sizeof(test->path) - 2, "%s-wal", test->database_path);
    const char *name = log_file_register();
    assert_non_null(name);
    test->system = sqlite3_vfs_find(name);
    test->file = calloc(1, (size_t)test->system->szOsFile);
    open_as(test, SQLITE_OPEN_WAL);
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    struct log_test *test = *state;

    if (test->file->pMethods != NULL)
        test->file->pMethods->xClose(test->file);
    unlink(test->path);
    unlink(test->database_path);
    free(test->file);
    free(test);
    return 0;
}

/* What has reached the file. */
static sqlite3_int64 bytes_in_file(const struct log_test *test)
{
    struct stat status;

    assert_int_equal(stat(test->path, &status), 0);
    return status.st_size;
}

static void put(struct log_test *test, char byte, int length, sqlite3_int64 offset)
{
    char *bytes = malloc((size_t)length);

    memset(bytes, byte, (size_t)length);
    assert_int_equal(test->file->pMethods->xWrite(test->file, bytes, length, offset), SQLITE_OK);
    free(bytes);
}

static void sync_file(struct log_test *test)
{
    assert_int_equal(test->file->pMethods->xSync(test->file, SQLITE_SYNC_NORMAL), SQLITE_OK);
}

/* All of these bytes are as told; read around the file system under test. */
static void assert_content(const struct log_test *test, char byte, size_t length, long offset)
{
    FILE *stream = fopen(test->path, "re");

    assert_non_null(stream);
    fseek(stream, offset, SEEK_SET);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(fgetc(stream), byte);
    fclose(stream);
}

static void what_follows_goes_out_together(void **state)
{
    struct log_test *test = *state;

    put(test, 'a', HEAD_BYTES, 0);
    put(test, 'b', PAGE_BYTES, HEAD_BYTES);
    assert_int_equal(bytes_in_file(test), 0);
    sync_file(test);
    assert_int_equal(bytes_in_file(test), HEAD_BYTES + PAGE_BYTES);
    assert_content(test, 'a', HEAD_BYTES, 0);
    assert_content(test, 'b', PAGE_BYTES, HEAD_BYTES);
    sync_file(test);
    assert_int_equal(bytes_in_file(test), HEAD_BYTES + PAGE_BYTES);
}

static void what_is_elsewhere_comes_after_what_was_before(void **state)
{
    struct log_test *test = *state;

    put(test, 'a', PAGE_BYTES, 0);
    put(test, 'b', PAGE_BYTES, PAGE_BYTES);
    put(test, 'c', HEAD_BYTES, PAGE_BYTES); /* over the one before */
    assert_int_equal(bytes_in_file(test), 2 * PAGE_BYTES);
    sync_file(test);
    assert_content(test, 'a', PAGE_BYTES, 0);
    assert_content(test, 'c', HEAD_BYTES, PAGE_BYTES);
    assert_content(test, 'b', PAGE_BYTES - HEAD_BYTES, PAGE_BYTES + HEAD_BYTES);
}

static void no_more_than_its_limit_is_collected(void **state)
{
    struct log_test *test = *state;
    sqlite3_int64 written = 0;

    for (; written + PAGE_BYTES <= LOG_FILE_PENDING_BYTES; written += PAGE_BYTES)
        put(test, 'a', PAGE_BYTES, written);
    assert_int_equal(bytes_in_file(test), 0);
    put(test, 'b', PAGE_BYTES, written);
    assert_int_equal(bytes_in_file(test), written);
    put(test, 'c', LOG_FILE_PENDING_BYTES + 1, written + PAGE_BYTES); /* alone */
    assert_int_equal(bytes_in_file(test), written + PAGE_BYTES + LOG_FILE_PENDING_BYTES + 1);
    assert_content(test, 'b', PAGE_BYTES, (long)written);
    assert_content(test, 'c', LOG_FILE_PENDING_BYTES + 1, (long)written + PAGE_BYTES);
}

static void reading_and_measuring_find_what_is_pending(void **state)
{
    struct log_test *test = *state;
    const sqlite3_io_methods *methods = test->file->pMethods;
    char bytes[HEAD_BYTES];
    sqlite3_int64 size;

    put(test, 'a', HEAD_BYTES, 0);
    assert_int_equal(methods->xRead(test->file, bytes, HEAD_BYTES, 0), SQLITE_OK);
    assert_int_equal(bytes[HEAD_BYTES - 1], 'a');
    put(test, 'b', HEAD_BYTES, HEAD_BYTES);
    assert_int_equal(methods->xFileSize(test->file, &size), SQLITE_OK);
    assert_int_equal(size, 2 * HEAD_BYTES);
    put(test, 'c', HEAD_BYTES, 2 * HEAD_BYTES);
    assert_int_equal(methods->xTruncate(test->file, HEAD_BYTES), SQLITE_OK);
    assert_int_equal(bytes_in_file(test), HEAD_BYTES);
    put(test, 'd', HEAD_BYTES, HEAD_BYTES);
    assert_int_equal(methods->xClose(test->file), SQLITE_OK);
    test->file->pMethods = NULL;
    assert_int_equal(bytes_in_file(test), 2 * HEAD_BYTES);
}

static void other_files_are_the_default_ones(void **state)
{
    struct log_test *test = *state;

    test->file->pMethods->xClose(test->file);
    open_as(test, SQLITE_OPEN_MAIN_DB);
    put(test, 'a', HEAD_BYTES, 0);
    assert_int_equal(bytes_in_file(test), HEAD_BYTES);
    assert_true(test->file->pMethods->iVersion > 1);
}

/* A full disk is told where the file is synchronized, and forgotten when there is room again. */
static void a_full_disk_is_told(void **state)
{
    struct log_test *test = *state;
    struct rlimit unlimited;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    const struct rlimit limit = {.rlim_cur = PAGE_BYTES, .rlim_max = unlimited.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    put(test, 'a', PAGE_BYTES, 0);
    put(test, 'b', PAGE_BYTES, PAGE_BYTES);
    int result = test->file->pMethods->xSync(test->file, SQLITE_SYNC_NORMAL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_not_equal(result, SQLITE_OK);
    sync_file(test);
    put(test, 'c', PAGE_BYTES, 0);
    sync_file(test);
    assert_content(test, 'c', PAGE_BYTES, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_follows_goes_out_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_elsewhere_comes_after_what_was_before, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_more_than_its_limit_is_collected, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reading_and_measuring_find_what_is_pending, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(other_files_are_the_default_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("log_file", tests, NULL, NULL);
}
