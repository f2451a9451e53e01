## jobs/: what happens later. What builds, sends and reads mail (libmail.a) knows no database.

noinst_LIBRARIES += libmail.a
libmail_a_SOURCES = \
	jobs/mail.c jobs/mail.h \
	jobs/mail_address.c jobs/mail_address.h \
	jobs/mail_message.c jobs/mail_message.h \
	jobs/mail_report.c jobs/mail_report.h \
	jobs/mail_sendmail.c jobs/mail_sendmail.h \
	jobs/mail_settings.c jobs/mail_settings.h \
	jobs/mail_smtp.c jobs/mail_smtp.h \
	jobs/mail_texts.c jobs/mail_texts.h \
	jobs/mail_transport.c jobs/mail_transport.h \
	jobs/mail_wording.c jobs/mail_wording.h
mail_only_libraries = libmail.a $(CURL_LIBS) $(GMIME_LIBS)
mail_libraries = $(mail_only_libraries) $(common_libraries)
