## templates/: the texts that tell of appointments, and in mail/ those of mails. They are installed, where one that is there already
## may have been adapted and stays, and they are the programs' own defaults (in the libraries of db/ and of mail).

templates = templates/cancelled.txt templates/completed.txt templates/confirmed.txt \
	templates/moved.txt templates/pending.txt templates/postponed.txt \
	templates/subject.txt
mail_templates = templates/mail/conversation.html templates/mail/conversation.txt \
	templates/mail/excerpt.html templates/mail/excerpt.txt \
	templates/mail/mail.html templates/mail/mail.txt templates/mail/picture.html \
	templates/mail/subject.txt templates/mail/subject_many.txt
templates_directory = $(sysconfdir)/messagerie/templates
EXTRA_DIST += $(templates) $(mail_templates) templates/defaults.awk

nodist_libdb_a_SOURCES = templates/defaults.c
nodist_libmail_a_SOURCES = templates/mail_defaults.c
noinst_HEADERS += templates/defaults.h
CLEANFILES += templates/defaults.c templates/mail_defaults.c
templates/defaults.c: $(templates) templates/defaults.awk
	$(AM_V_at)$(MKDIR_P) templates
	$(AM_V_GEN)cd $(srcdir) && $(AWK) -v TABLE=template_defaults -f templates/defaults.awk \
		$(templates) >$(abs_builddir)/$@.new && mv $(abs_builddir)/$@.new $(abs_builddir)/$@
templates/mail_defaults.c: $(mail_templates) templates/defaults.awk
	$(AM_V_at)$(MKDIR_P) templates
	$(AM_V_GEN)cd $(srcdir) && $(AWK) -v TABLE=mail_template_defaults -f templates/defaults.awk \
		$(mail_templates) >$(abs_builddir)/$@.new && mv $(abs_builddir)/$@.new $(abs_builddir)/$@

install-templates:
	$(MKDIR_P) "$(DESTDIR)$(templates_directory)/mail"
	for template in $(templates) $(mail_templates); do \
		target="$(DESTDIR)$(templates_directory)/$${template#templates/}"; \
		test -e "$$target" || $(INSTALL_DATA) "$(srcdir)/$$template" "$$target" || exit 1; \
	done

uninstall-templates:
	for template in $(templates) $(mail_templates); do \
		target="$(DESTDIR)$(templates_directory)/$${template#templates/}"; \
		! cmp -s "$(srcdir)/$$template" "$$target" || rm -f "$$target"; \
	done
	rmdir "$(DESTDIR)$(templates_directory)/mail" "$(DESTDIR)$(templates_directory)" \
		"$(DESTDIR)$(sysconfdir)/messagerie" 2>/dev/null || :

.PHONY: install-templates uninstall-templates
