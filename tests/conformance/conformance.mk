## tests/conformance/: the lower floors of the broker with an echo application, for protocol test suites.

noinst_PROGRAMS += tests/conformance/echo-server
tests_conformance_echo_server_SOURCES = tests/conformance/echo-server.c
tests_conformance_echo_server_LDADD = $(protocol_libraries)
