/*
 * For tests of assertions: what only a mistake in a program can cause ends it.
 */
#ifndef MESSAGERIE_TESTS_UNIT_PROGRAMMER_ERROR_H
#define MESSAGERIE_TESTS_UNIT_PROGRAMMER_ERROR_H

/* Calls `mistake` in a process of its own, and checks that it is aborted, and that standard error
 * says that `condition` does not hold. */
void assert_aborts(void (*mistake)(void), const char *condition);

#endif
