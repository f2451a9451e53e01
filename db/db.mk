## db/: knows common/.

noinst_LIBRARIES += libdb.a
libdb_a_SOURCES = \
	db/appointment.c db/appointment.h \
	db/contact.c db/contact.h \
	db/conversation.c db/conversation.h db/conversation_private.h \
	db/database.c db/database.h \
	db/engine/database.c db/engine/database.h \
	db/engine/durability.c db/engine/durability.h \
	db/engine/outbox_reader.c db/engine/outbox_reader.h db/engine/outbox_reader_private.h \
	db/engine/outbox.c db/engine/outbox.h \
	db/engine/schema.c db/engine/schema.h \
	db/engine/sql.c db/engine/sql.h \
	db/engine/statement.h \
	db/engine/transaction.h \
	db/input.c db/input.h \
	db/maintenance.c db/maintenance.h \
	db/message.c db/message.h db/message_private.h \
	db/person.c db/person.h db/person_private.h \
	db/position.c db/position.h \
	db/privacy.c db/privacy.h \
	db/recovery.c db/recovery.h \
	db/sqlite/checkpointer.c db/sqlite/checkpointer.h \
	db/sqlite/connection.c \
	db/sqlite/log_sync.c db/sqlite/log_sync.h \
	db/sqlite/writers_lock.c db/sqlite/writers_lock.h
db_libraries = libdb.a $(common_libraries) $(SQLITE_LIBS)
