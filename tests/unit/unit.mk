## tests/unit/: one program per module, its source tests/unit/test_<module>.c. A new one is its name in
## check_PROGRAMS and a line with the libraries that it tests, and one with its sources if it shares some.

AM_TESTS_ENVIRONMENT = CMOCKA_MESSAGE_OUTPUT=TAP; FUZZ_CORPUS=$(abs_top_srcdir)/tests/fuzz/corpus; \
	export CMOCKA_MESSAGE_OUTPUT FUZZ_CORPUS;
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
TESTS = $(check_PROGRAMS)

if HAVE_CMOCKA
noinst_HEADERS += tests/unit/log_reader.h tests/unit/remove_folder.h tests/unit/unit_test.h tests/unit/wait.h
failing_malloc = tests/unit/failing_malloc.c tests/unit/failing_malloc.h
hmac_sha256 = tests/unit/hmac_sha256.c tests/unit/hmac_sha256.h
db_fixture = tests/unit/db_fixture.c tests/unit/db_fixture.h
booking_fixture = tests/unit/booking_fixture.c tests/unit/booking_fixture.h $(db_fixture)
fastcgi_client = tests/unit/fastcgi_client.c tests/unit/fastcgi_client.h
broker_fixture = tests/unit/broker_fixture.c tests/unit/broker_fixture.h
programmer_error = tests/unit/programmer_error.c tests/unit/programmer_error.h

check_PROGRAMS += \
	tests/unit/test_address \
	tests/unit/test_appointment \
	tests/unit/test_appointment_people \
	tests/unit/test_appointment_texts \
	tests/unit/test_assert \
	tests/unit/test_base64url \
	tests/unit/test_broker \
	tests/unit/test_buffer \
	tests/unit/test_bus \
	tests/unit/test_checkpointer \
	tests/unit/test_clock \
	tests/unit/test_config \
	tests/unit/test_config_check \
	tests/unit/test_configuration \
	tests/unit/test_connections \
	tests/unit/test_contact \
	tests/unit/test_conversation \
	tests/unit/test_counters \
	tests/unit/test_database \
	tests/unit/test_deletion \
	tests/unit/test_demo \
	tests/unit/test_dispatch \
	tests/unit/test_driver \
	tests/unit/test_durability \
	tests/unit/test_engineio \
	tests/unit/test_engineio_packet \
	tests/unit/test_error \
	tests/unit/test_event \
	tests/unit/test_event_batch \
	tests/unit/test_fastcgi \
	tests/unit/test_feed \
	tests/unit/test_file \
	tests/unit/test_floor_engine \
	tests/unit/test_floor_sqlite \
	tests/unit/test_files \
	tests/unit/test_gate \
	tests/unit/test_gone \
	tests/unit/test_grapheme \
	tests/unit/test_http \
	tests/unit/test_id \
	tests/unit/test_input \
	tests/unit/test_input_booking \
	tests/unit/test_json_reader \
	tests/unit/test_json_writer \
	tests/unit/test_listen_address \
	tests/unit/test_listener \
	tests/unit/test_log \
	tests/unit/test_log_sink \
	tests/unit/test_loop \
	tests/unit/test_mail_address \
	tests/unit/test_mail_message \
	tests/unit/test_mail_report \
	tests/unit/test_maintenance \
	tests/unit/test_message \
	tests/unit/test_metrics \
	tests/unit/test_mistakes \
	tests/unit/test_operation \
	tests/unit/test_order \
	tests/unit/test_origin \
	tests/unit/test_outbox_reader \
	tests/unit/test_output \
	tests/unit/test_person \
	tests/unit/test_preferences \
	tests/unit/test_privacy \
	tests/unit/test_process \
	tests/unit/test_query \
	tests/unit/test_random \
	tests/unit/test_rate_limit \
	tests/unit/test_read_marks \
	tests/unit/test_readers \
	tests/unit/test_records \
	tests/unit/test_recovery \
	tests/unit/test_request \
	tests/unit/test_rooms \
	tests/unit/test_router \
	tests/unit/test_schema \
	tests/unit/test_search \
	tests/unit/test_socketio \
	tests/unit/test_socketio_packet \
	tests/unit/test_spool \
	tests/unit/test_spool_order \
	tests/unit/test_sql \
	tests/unit/test_statement \
	tests/unit/test_template \
	tests/unit/test_text_file \
	tests/unit/test_timer \
	tests/unit/test_token_cache \
	tests/unit/test_unsubscribe_token \
	tests/unit/test_user_budgets \
	tests/unit/test_utf8 \
	tests/unit/test_websocket \
	tests/unit/test_words \
	tests/unit/test_writers_lock

tests_unit_test_address_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_appointment_SOURCES = tests/unit/test_appointment.c $(booking_fixture)
tests_unit_test_appointment_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_appointment_people_SOURCES = tests/unit/test_appointment_people.c $(db_fixture)
tests_unit_test_appointment_people_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_appointment_texts_SOURCES = tests/unit/test_appointment_texts.c $(booking_fixture)
tests_unit_test_appointment_texts_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_assert_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_base64url_SOURCES = tests/unit/test_base64url.c
tests_unit_test_base64url_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_broker_SOURCES = tests/unit/test_broker.c $(db_fixture)
tests_unit_test_broker_LDADD = $(broker_libraries) $(CMOCKA_LIBS)
tests_unit_test_buffer_SOURCES = tests/unit/test_buffer.c $(failing_malloc)
tests_unit_test_buffer_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_bus_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_checkpointer_SOURCES = tests/unit/test_checkpointer.c $(db_fixture)
tests_unit_test_checkpointer_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_clock_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_config_SOURCES = tests/unit/test_config.c $(failing_malloc)
tests_unit_test_config_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_connections_LDADD = $(broker_libraries) $(CMOCKA_LIBS)
tests_unit_test_config_check_LDADD = $(tool_libraries) $(CMOCKA_LIBS)
tests_unit_test_configuration_SOURCES = tests/unit/test_configuration.c $(failing_malloc)
tests_unit_test_configuration_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_contact_SOURCES = tests/unit/test_contact.c $(db_fixture)
tests_unit_test_contact_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_conversation_SOURCES = tests/unit/test_conversation.c $(db_fixture)
tests_unit_test_conversation_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_database_SOURCES = tests/unit/test_database.c $(db_fixture)
tests_unit_test_database_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_deletion_SOURCES = tests/unit/test_deletion.c $(db_fixture)
tests_unit_test_deletion_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_demo_SOURCES = tests/unit/test_demo.c $(db_fixture)
tests_unit_test_demo_LDADD = $(tool_libraries) $(CMOCKA_LIBS)
tests_unit_test_dispatch_SOURCES = tests/unit/test_dispatch.c $(db_fixture) $(failing_malloc)
tests_unit_test_dispatch_LDADD = $(fcgi_libraries) $(CMOCKA_LIBS)
tests_unit_test_driver_LDADD = $(sqlite_libraries) $(CMOCKA_LIBS)
tests_unit_test_durability_SOURCES = tests/unit/test_durability.c $(db_fixture)
tests_unit_test_durability_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_engineio_SOURCES = tests/unit/test_engineio.c $(broker_fixture)
tests_unit_test_engineio_LDADD = $(protocol_libraries) $(CMOCKA_LIBS)
tests_unit_test_engineio_packet_LDADD = $(protocol_libraries) $(CMOCKA_LIBS)
tests_unit_test_error_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_event_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_event_batch_SOURCES = tests/unit/test_event_batch.c $(failing_malloc)
tests_unit_test_event_batch_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_fastcgi_SOURCES = tests/unit/test_fastcgi.c $(fastcgi_client)
tests_unit_test_fastcgi_LDADD = $(fcgi_libraries) $(CMOCKA_LIBS)
tests_unit_test_feed_SOURCES = tests/unit/test_feed.c $(db_fixture)
tests_unit_test_feed_LDADD = $(broker_libraries) $(CMOCKA_LIBS)
tests_unit_test_file_SOURCES = tests/unit/test_file.c $(failing_malloc)
tests_unit_test_file_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_floor_engine_SOURCES = tests/unit/test_floor.c
tests_unit_test_floor_engine_LDADD = $(libengine_a_OBJECTS) $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_floor_sqlite_SOURCES = tests/unit/test_floor.c
tests_unit_test_floor_sqlite_LDADD = $(libsqlite_a_OBJECTS) $(engine_libraries) $(SQLITE_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_test_files_LDADD = $(sqlite_libraries) $(CMOCKA_LIBS)
tests_unit_test_gate_LDADD = $(fcgi_libraries) $(CMOCKA_LIBS)
tests_unit_test_gone_SOURCES = tests/unit/test_gone.c $(db_fixture)
tests_unit_test_gone_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_grapheme_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_http_SOURCES = tests/unit/test_http.c $(broker_fixture)
tests_unit_test_http_LDADD = $(protocol_libraries) $(CMOCKA_LIBS)
tests_unit_test_id_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_input_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_input_booking_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_json_reader_SOURCES = tests/unit/test_json_reader.c $(failing_malloc)
tests_unit_test_json_reader_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_json_writer_SOURCES = tests/unit/test_json_writer.c $(failing_malloc)
tests_unit_test_json_writer_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_listen_address_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_listener_SOURCES = tests/unit/test_listener.c $(fastcgi_client)
tests_unit_test_listener_LDADD = $(fcgi_libraries) $(CMOCKA_LIBS)
tests_unit_test_log_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_loop_SOURCES = tests/unit/test_loop.c $(broker_fixture) $(failing_malloc)
tests_unit_test_loop_LDADD = $(protocol_libraries) $(CMOCKA_LIBS)
tests_unit_test_mail_address_LDADD = $(mail_libraries) $(CMOCKA_LIBS)
tests_unit_test_mail_message_LDADD = $(mail_libraries) $(CMOCKA_LIBS)
tests_unit_test_mail_report_LDADD = $(mail_libraries) $(CMOCKA_LIBS)
tests_unit_test_maintenance_SOURCES = tests/unit/test_maintenance.c $(db_fixture)
tests_unit_test_maintenance_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_message_SOURCES = tests/unit/test_message.c $(db_fixture)
tests_unit_test_message_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_counters_LDADD = $(broker_libraries) $(CMOCKA_LIBS)
tests_unit_test_metrics_LDADD = $(broker_libraries) $(CMOCKA_LIBS)
tests_unit_test_mistakes_LDADD = $(protocol_libraries) $(CMOCKA_LIBS)
tests_unit_test_mistakes_SOURCES = tests/unit/test_mistakes.c $(broker_fixture) $(programmer_error)
tests_unit_test_operation_SOURCES = tests/unit/test_operation.c $(db_fixture)
tests_unit_test_operation_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_log_sink_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_origin_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_order_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_outbox_reader_SOURCES = tests/unit/test_outbox_reader.c $(db_fixture)
tests_unit_test_outbox_reader_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_order_SOURCES = tests/unit/test_order.c $(db_fixture)
tests_unit_test_output_SOURCES = tests/unit/test_output.c $(failing_malloc)
tests_unit_test_output_LDADD = $(protocol_libraries) $(CMOCKA_LIBS)
tests_unit_test_person_SOURCES = tests/unit/test_person.c $(db_fixture)
tests_unit_test_person_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_preferences_SOURCES = tests/unit/test_preferences.c $(db_fixture)
tests_unit_test_preferences_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_privacy_SOURCES = tests/unit/test_privacy.c $(booking_fixture)
tests_unit_test_privacy_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_process_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_query_LDADD = $(protocol_libraries) $(CMOCKA_LIBS)
tests_unit_test_random_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_rate_limit_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_read_marks_SOURCES = tests/unit/test_read_marks.c $(db_fixture)
tests_unit_test_read_marks_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_readers_SOURCES = tests/unit/test_readers.c $(db_fixture)
tests_unit_test_readers_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_records_SOURCES = tests/unit/test_records.c $(fastcgi_client)
tests_unit_test_records_LDADD = $(fcgi_libraries) $(CMOCKA_LIBS)
tests_unit_test_recovery_SOURCES = tests/unit/test_recovery.c $(db_fixture)
tests_unit_test_recovery_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_request_LDADD = $(fcgi_libraries) $(CMOCKA_LIBS)
tests_unit_test_rooms_LDADD = $(broker_libraries) $(CMOCKA_LIBS)
tests_unit_test_router_LDADD = $(fcgi_libraries) $(CMOCKA_LIBS)
tests_unit_test_schema_SOURCES = tests/unit/test_schema.c $(db_fixture)
EXTRA_DIST += tests/unit/schemas
schemas_flag = -DSCHEMAS='"$(abs_top_srcdir)/tests/unit/schemas"'
tests_unit_test_schema_CPPFLAGS = $(AM_CPPFLAGS) $(schemas_flag)
tests_unit_test_schema_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_search_SOURCES = tests/unit/test_search.c $(db_fixture)
tests_unit_test_search_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_socketio_SOURCES = tests/unit/test_socketio.c $(broker_fixture)
tests_unit_test_socketio_LDADD = $(protocol_libraries) $(CMOCKA_LIBS)
tests_unit_test_socketio_packet_LDADD = $(protocol_libraries) $(CMOCKA_LIBS)
tests_unit_test_spool_SOURCES = tests/unit/test_spool.c $(db_fixture)
tests_unit_test_spool_LDADD = $(tool_libraries) $(CMOCKA_LIBS)
tests_unit_test_spool_order_LDADD = $(tool_libraries) $(CMOCKA_LIBS)
tests_unit_test_sql_SOURCES = tests/unit/test_sql.c $(db_fixture)
tests_unit_test_sql_LDADD = $(db_libraries) $(CMOCKA_LIBS)
tests_unit_test_statement_LDADD = $(sqlite_libraries) $(CMOCKA_LIBS)
tests_unit_test_template_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_text_file_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_timer_SOURCES = tests/unit/test_timer.c $(failing_malloc)
tests_unit_test_timer_LDADD = $(protocol_libraries) $(CMOCKA_LIBS)
tests_unit_test_token_SOURCES = tests/unit/test_token.c $(failing_malloc) $(hmac_sha256)
tests_unit_test_token_LDADD = $(common_libraries) $(JWT_LIBS) $(CMOCKA_LIBS)
tests_unit_test_token_cache_LDADD = $(fcgi_libraries) $(CMOCKA_LIBS)
tests_unit_test_unsubscribe_token_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_user_budgets_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_utf8_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_websocket_SOURCES = tests/unit/test_websocket.c $(broker_fixture)
tests_unit_test_websocket_LDADD = $(protocol_libraries) $(CMOCKA_LIBS)
tests_unit_test_words_LDADD = $(common_libraries) $(CMOCKA_LIBS)
tests_unit_test_writers_lock_SOURCES = tests/unit/test_writers_lock.c
tests_unit_test_writers_lock_LDADD = $(db_libraries) $(CMOCKA_LIBS)

if HAVE_JWT
check_PROGRAMS += tests/unit/test_token
endif

if HAVE_WSLAY
check_PROGRAMS += tests/unit/test_frame
tests_unit_test_frame_LDADD = $(transport_libraries) $(CMOCKA_LIBS) -lwslay
endif
else
check-local:
	@echo "make check needs cmocka (Debian: apt-get install libcmocka-dev); then run configure again" >&2
	@exit 1
endif
