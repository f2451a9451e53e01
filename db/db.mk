## db/: three floors, each a library, so that a lower one that calls a higher one fails to link
## (tests/unit/test_floor.c). What other folders call is libdb.a; it alone knows all of them.

noinst_LIBRARIES += libdb.a libsqlite.a libengine.a

## The nouns: know the engine.
libdb_a_SOURCES = \
	db/announcement.c db/announcement.h \
	db/appointment.c db/appointment.h \
	db/appointment_early.c db/appointment_early.h \
	db/appointment_people.c db/appointment_people.h \
	db/appointment_row.c db/appointment_row.h \
	db/appointment_texts.c db/appointment_texts.h \
	db/contact.c db/contact.h \
	db/conversation.c db/conversation.h \
	db/conversation_announcement.c db/conversation_announcement.h \
	db/conversation_json.c db/conversation_json.h \
	db/conversation_row.c db/conversation_row.h \
	db/database.c db/database.h db/database_driver.h \
	db/deletion.c db/deletion.h \
	db/erasure.c db/erasure.h \
	db/erasure_text.c db/erasure_text.h \
	db/input.c db/input.h \
	db/maintenance.c db/maintenance.h \
	db/message.c db/message.h \
	db/message_announcement.c db/message_announcement.h \
	db/message_json.c db/message_json.h \
	db/message_reading.c db/message_reading.h \
	db/message_row.c db/message_row.h \
	db/message_sending.c db/message_sending.h \
	db/person.c db/person.h \
	db/person_json.c db/person_json.h \
	db/person_row.c db/person_row.h \
	db/position.c db/position.h \
	db/preferences.c db/preferences.h \
	db/privacy.c db/privacy.h \
	db/probe.c db/probe.h \
	db/read_marks.c db/read_marks.h \
	db/recovery.c db/recovery.h \
	db/search.c db/search.h \
	db/search_block.c db/search_block.h \
	db/search_document.c db/search_document.h \
	db/search_excerpt.c db/search_excerpt.h \
	db/search_index.c db/search_index.h \
	db/search_removal.c db/search_removal.h \
	db/slice.h

## The engine: knows common/ alone.
libengine_a_SOURCES = \
	db/engine/database.c db/engine/database.h \
	db/engine/dialect.h \
	db/engine/driver.h \
	db/engine/durability.c db/engine/durability.h \
	db/engine/job.h \
	db/engine/migration.c db/engine/migration.h \
	db/engine/operation.h \
	db/engine/outage.c db/engine/outage.h \
	db/engine/outbox.c db/engine/outbox.h \
	db/engine/outbox_reader.c db/engine/outbox_reader.h \
	db/engine/readers.c db/engine/readers.h \
	db/engine/schema.c db/engine/schema.h \
	db/engine/sql.c db/engine/sql.h \
	db/engine/statement.c db/engine/statement.h \
	db/engine/transaction.c db/engine/transaction.h \
	db/engine/writer.c db/engine/writer.h
engine_libraries = libengine.a $(common_libraries)

## A driver: knows the engine.
libsqlite_a_SOURCES = \
	db/sqlite/backup.c db/sqlite/backup.h \
	db/sqlite/checkpointer.c db/sqlite/checkpointer.h \
	db/sqlite/connection.c db/sqlite/connection.h \
	db/sqlite/database_file.c db/sqlite/database_file.h \
	db/sqlite/files.c db/sqlite/files.h \
	db/sqlite/integrity.c db/sqlite/integrity.h \
	db/sqlite/log_sync.c db/sqlite/log_sync.h \
	db/sqlite/restore.c db/sqlite/restore.h \
	db/sqlite/sqlite_driver.c db/sqlite/sqlite_driver.h \
	db/sqlite/statement.c db/sqlite/statement.h \
	db/sqlite/writers_lock.c db/sqlite/writers_lock.h
sqlite_libraries = libsqlite.a $(engine_libraries) $(SQLITE_LIBS)

db_libraries = libdb.a $(sqlite_libraries)
