## fcgi/: the REST programs, knows db/ and common/.

noinst_LIBRARIES += libfcgiserver.a
programs_PROGRAMS += appointments.fcgi conversations.fcgi messages.fcgi
libfcgiserver_a_SOURCES = \
	fcgi/appointment_handlers.c fcgi/appointment_handlers.h \
	fcgi/cgi.c fcgi/cgi.h \
	fcgi/conversation_handlers.c fcgi/conversation_handlers.h \
	fcgi/dispatch.c fcgi/dispatch.h \
	fcgi/exchange.c fcgi/exchange.h \
	fcgi/fastcgi.c fcgi/fastcgi.h \
	fcgi/gate.c fcgi/gate.h \
	fcgi/listener.c fcgi/listener.h \
	fcgi/message_handlers.c fcgi/message_handlers.h \
	fcgi/preference_handlers.c fcgi/preference_handlers.h \
	fcgi/records.c fcgi/records.h \
	fcgi/request.c fcgi/request.h \
	fcgi/response.c fcgi/response.h \
	fcgi/rest_configuration.c fcgi/rest_configuration.h \
	fcgi/rest_program.c fcgi/rest_program.h \
	fcgi/router.c fcgi/router.h \
	fcgi/token_cache.c fcgi/token_cache.h \
	fcgi/uri.c fcgi/uri.h
fcgi_libraries = libfcgiserver.a $(db_libraries) $(FCGI_LIBS) $(XXHASH_LIBS)

appointments_fcgi_SOURCES = fcgi/appointments_main.c
appointments_fcgi_LDADD = $(fcgi_libraries)
conversations_fcgi_SOURCES = fcgi/conversations_main.c
conversations_fcgi_LDADD = $(fcgi_libraries)
messages_fcgi_SOURCES = fcgi/messages_main.c
messages_fcgi_LDADD = $(fcgi_libraries)
