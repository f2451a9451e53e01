/*
 * What every unit test program includes first: cmocka, with the headers that it wants before it.
 * A program has one group of tests, so that its TAP output is one plan. Never call cmocka's skip():
 * its TAP is "not ok"; leave the test out of the table instead.
 */
#ifndef MESSAGERIE_TESTS_UNIT_TEST_H
#define MESSAGERIE_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#endif
