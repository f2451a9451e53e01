## tests/fuzz/: without clang each target is a test that runs over its corpus.

fuzz_targets = \
	tests/fuzz/fuzz_engineio \
	tests/fuzz/fuzz_events \
	tests/fuzz/fuzz_frame \
	tests/fuzz/fuzz_json \
	tests/fuzz/fuzz_mailreport \
	tests/fuzz/fuzz_query \
	tests/fuzz/fuzz_records \
	tests/fuzz/fuzz_router \
	tests/fuzz/fuzz_search \
	tests/fuzz/fuzz_socketio \
	tests/fuzz/fuzz_token \
	tests/fuzz/fuzz_uri
fuzz_common = tests/fuzz/fuzz.h
if ENABLE_FUZZERS
noinst_PROGRAMS += $(fuzz_targets)
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += $(fuzz_targets)
fuzz_common += tests/fuzz/replay.c
fuzz_ldflags = $(AM_LDFLAGS)
endif

tests_fuzz_fuzz_engineio_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_engineio_SOURCES = tests/fuzz/fuzz_engineio.c $(fuzz_common)
tests_fuzz_fuzz_engineio_LDADD = $(protocol_libraries)
tests_fuzz_fuzz_events_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_events_SOURCES = tests/fuzz/fuzz_events.c $(fuzz_common)
tests_fuzz_fuzz_events_LDADD = $(db_libraries)
tests_fuzz_fuzz_frame_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_frame_SOURCES = tests/fuzz/fuzz_frame.c $(fuzz_common)
tests_fuzz_fuzz_frame_LDADD = $(transport_libraries)
tests_fuzz_fuzz_json_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c $(fuzz_common)
tests_fuzz_fuzz_json_LDADD = $(common_libraries)
tests_fuzz_fuzz_mailreport_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_mailreport_SOURCES = tests/fuzz/fuzz_mailreport.c $(fuzz_common)
tests_fuzz_fuzz_mailreport_LDADD = $(mail_libraries)
tests_fuzz_fuzz_query_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_query_SOURCES = tests/fuzz/fuzz_query.c $(fuzz_common)
tests_fuzz_fuzz_query_LDADD = $(transport_libraries)
tests_fuzz_fuzz_records_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_records_SOURCES = tests/fuzz/fuzz_records.c $(fuzz_common)
tests_fuzz_fuzz_records_LDADD = $(fcgi_libraries)
tests_fuzz_fuzz_router_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_router_SOURCES = tests/fuzz/fuzz_router.c $(fuzz_common)
tests_fuzz_fuzz_router_LDADD = $(fcgi_libraries)
tests_fuzz_fuzz_search_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_search_SOURCES = tests/fuzz/fuzz_search.c $(fuzz_common)
tests_fuzz_fuzz_search_LDADD = $(db_libraries)
tests_fuzz_fuzz_socketio_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_socketio_SOURCES = tests/fuzz/fuzz_socketio.c $(fuzz_common)
tests_fuzz_fuzz_socketio_LDADD = $(broker_libraries)
tests_fuzz_fuzz_token_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_token_SOURCES = tests/fuzz/fuzz_token.c $(fuzz_common)
tests_fuzz_fuzz_token_LDADD = $(common_libraries)
tests_fuzz_fuzz_uri_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_uri_SOURCES = tests/fuzz/fuzz_uri.c $(fuzz_common)
tests_fuzz_fuzz_uri_LDADD = libtransport.a $(fcgi_libraries)
