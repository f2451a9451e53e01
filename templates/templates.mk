## templates/: the texts that tell of appointments. They are installed, where one that is there already
## may have been adapted and stays, and they are the programs' own defaults (in db/'s library).

templates = templates/cancelled.txt templates/completed.txt templates/confirmed.txt \
	templates/moved.txt templates/pending.txt templates/postponed.txt \
	templates/subject.txt
templates_directory = $(sysconfdir)/messagerie/templates
EXTRA_DIST += $(templates) templates/defaults.awk

nodist_libdb_a_SOURCES = templates/defaults.c
noinst_HEADERS += templates/defaults.h
CLEANFILES += templates/defaults.c
templates/defaults.c: $(templates) templates/defaults.awk
	$(AM_V_at)$(MKDIR_P) templates
	$(AM_V_GEN)cd $(srcdir) && $(AWK) -f templates/defaults.awk $(templates) \
		>$(abs_builddir)/$@.new && mv $(abs_builddir)/$@.new $(abs_builddir)/$@

install-templates:
	$(MKDIR_P) "$(DESTDIR)$(templates_directory)"
	for template in $(templates); do \
		target="$(DESTDIR)$(templates_directory)/$${template##*/}"; \
		test -e "$$target" || $(INSTALL_DATA) "$(srcdir)/$$template" "$$target" || exit 1; \
	done

uninstall-templates:
	for template in $(templates); do \
		target="$(DESTDIR)$(templates_directory)/$${template##*/}"; \
		! cmp -s "$(srcdir)/$$template" "$$target" || rm -f "$$target"; \
	done
	rmdir "$(DESTDIR)$(templates_directory)" "$(DESTDIR)$(sysconfdir)/messagerie" 2>/dev/null || :

.PHONY: install-templates uninstall-templates
