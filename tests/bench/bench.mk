## tests/bench/: load generators, and servers written for comparison; built by `make bench` alone.

bench_sockets_programs = tests/bench/bench_layers tests/bench/bench_sockets \
	tests/bench/peers/bare-writer/bare_writer
tests_bench_bench_layers_LDADD = $(protocol_libraries)
tests_bench_bench_sockets_SOURCES = tests/bench/bench_sockets.c \
	tests/bench/clients.c tests/bench/clients.h \
	tests/bench/publisher.c tests/bench/publisher.h \
	tests/bench/publisher_outbox.c tests/bench/publisher_rest.c \
	tests/bench/stamp.c tests/bench/stamp.h
tests_bench_bench_sockets_LDADD = $(db_libraries)
tests_bench_peers_bare_writer_bare_writer_SOURCES = tests/bench/peers/bare-writer/bare_writer.c
tests_bench_peers_bare_writer_bare_writer_LDADD =
bench_rest_programs = tests/bench/bench_http tests/bench/constant_fcgi
tests_bench_bench_http_LDADD =
tests_bench_constant_fcgi_LDADD = $(FCGI_LIBS)
EXTRA_PROGRAMS = $(bench_sockets_programs) $(bench_rest_programs)
bench_programs = $(bench_sockets_programs) $(bench_rest_programs)
CLEANFILES += $(bench_programs) bench-results.json
EXTRA_DIST += tests/bench/README.md

run_bench = MESSAGERIE_BUILD=$(abs_builddir) node $(top_srcdir)/tests/bench/run.mjs

bench: all $(bench_programs)
	$(run_bench) $(BENCH_OPTIONS)

bench-quick: all $(bench_programs)
	$(run_bench) --quick $(BENCH_OPTIONS)

bench-programs: all $(bench_programs)

.PHONY: bench bench-quick bench-programs
