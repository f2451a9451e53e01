## tool/: the administration tool, knows db/ and common/.

bin_PROGRAMS += messagerie
noinst_LIBRARIES += libtool.a
libtool_a_SOURCES = \
	tool/command.c tool/command.h \
	tool/config_command.c tool/database_command.c tool/mail_command.c \
	tool/person_command.c \
	tool/config_check.c tool/config_check.h \
	tool/demo.c tool/demo.h \
	tool/spool.c tool/spool.h \
	tool/spool_aside.c tool/spool_aside.h \
	tool/spool_order.c tool/spool_order.h \
	tool/spool_command.c tool/spool_command.h
tool_libraries = libtool.a $(mail_only_libraries) $(db_libraries)

messagerie_SOURCES = tool/messagerie_main.c
messagerie_LDADD = $(tool_libraries)

## The sample is the programs' own table of keys, so that it cannot differ from what they read.
nodist_doc_DATA = messagerie.conf.sample
CLEANFILES += messagerie.conf.sample
messagerie.conf.sample: messagerie$(EXEEXT)
	$(AM_V_GEN)./messagerie$(EXEEXT) check-config --sample >$@.new && mv $@.new $@
