## templates/: the texts that tell of appointments. An installed one may have been adapted: it stays.

templates = templates/cancelled.txt templates/completed.txt templates/confirmed.txt \
	templates/moved.txt templates/pending.txt templates/postponed.txt \
	templates/subject.txt
templates_directory = $(sysconfdir)/messagerie/templates
EXTRA_DIST += $(templates)

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
