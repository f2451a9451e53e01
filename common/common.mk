## common/: knows nobody.

noinst_LIBRARIES += libcommon.a
libcommon_a_SOURCES = \
	common/address.c common/address.h \
	common/assert.c common/assert.h \
	common/base64url.c common/base64url.h \
	common/buffer.c common/buffer.h \
	common/bus.c common/bus.h \
	common/clock.c common/clock.h \
	common/config.c common/config.h common/config_private.h \
	common/config_file.c \
	common/config_keys.c \
	common/config_list.c common/config_list.h \
	common/config_values.c \
	common/configuration.c common/configuration.h \
	common/container.h \
	common/counters.c common/counters.h \
	common/error.c common/error.h \
	common/event.c common/event.h \
	common/event_batch.c common/event_batch.h \
	common/file.c common/file.h \
	common/file_owner.c common/file_owner.h \
	common/grapheme.c common/grapheme.h \
	common/histogram.c common/histogram.h \
	common/id.c common/id.h \
	common/json_reader.c common/json_reader.h \
	common/json_writer.c common/json_writer.h \
	common/listen_address.c common/listen_address.h \
	common/local_time.c common/local_time.h \
	common/log.c common/log.h \
	common/log_sink.c common/log_sink.h \
	common/origin.c common/origin.h \
	common/process.c common/process.h \
	common/random.c common/random.h \
	common/rate_limit.c common/rate_limit.h \
	common/services.h \
	common/socket_file.c common/socket_file.h \
	common/template.c common/template.h \
	common/text_file.c common/text_file.h \
	common/token.c common/token.h \
	common/token_fingerprint.h \
	common/token_jwk.c common/token_jwk.h \
	common/token_key.c common/token_key.h \
	common/token_keys.c common/token_keys.h \
	common/unix_listener.c common/unix_listener.h \
	common/unsubscribe_token.c common/unsubscribe_token.h \
	common/user_budgets.c common/user_budgets.h \
	common/utf8.c common/utf8.h \
	common/words.c common/words.h
common_libraries = libcommon.a $(JSONC_LIBS) $(CRYPTO_LIBS) $(NETTLE_LIBS) $(INIH_LIBS) \
	$(NANOMSG_LIBS) $(IDN2_LIBS) $(UTF8PROC_LIBS)
