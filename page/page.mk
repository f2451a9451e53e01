## page/: page and widget. Built by `make page` alone, which needs node and npm; installed where they
## have been built.

page_sources = \
	page/.npmrc \
	page/build.mjs \
	page/icon-192.png \
	page/icon-unread.svg \
	page/icon.svg \
	page/index.html \
	page/manifest.webmanifest \
	page/package-lock.json \
	page/package.json \
	page/page.css \
	page/src/address.js \
	page/src/api.js \
	page/src/app-element.js \
	page/src/connection.js \
	page/src/conversation-element.js \
	page/src/credentials.js \
	page/src/dom.js \
	page/src/element.js \
	page/src/events.js \
	page/src/keep.js \
	page/src/kit.js \
	page/src/later/actions.js \
	page/src/later/away.js \
	page/src/later/head-menu.js \
	page/src/later/icon.js \
	page/src/later/media.css \
	page/src/later/menu.css \
	page/src/later/notifications.js \
	page/src/later/notify.js \
	page/src/later/opening.css \
	page/src/later/opening.js \
	page/src/later/popover.js \
	page/src/later/question.css \
	page/src/later/question.js \
	page/src/later/rest.js \
	page/src/later/settings.js \
	page/src/later/sound.js \
	page/src/later/start.css \
	page/src/later/start.js \
	page/src/list.js \
	page/src/messagerie.js \
	page/src/messenger.js \
	page/src/model/conversations.js \
	page/src/model/days.js \
	page/src/model/items.js \
	page/src/model/links.js \
	page/src/model/text.js \
	page/src/model/thread.js \
	page/src/outbox.js \
	page/src/palette.js \
	page/src/pause.js \
	page/src/presence.js \
	page/src/room.js \
	page/src/sending.js \
	page/src/session.js \
	page/src/socket.js \
	page/src/step.js \
	page/src/styles.js \
	page/src/styles/base.css \
	page/src/styles/list.css \
	page/src/styles/thread.css \
	page/src/texts.js \
	page/src/threads.js \
	page/src/typing.js \
	page/src/view/avatar.js \
	page/src/view/composer.js \
	page/src/view/list.js \
	page/src/view/log.js \
	page/src/view/message.js \
	page/src/view/plea.js \
	page/src/view/sight.js \
	page/src/view/thread.js \
	page/src/view/workspace.js
EXTRA_DIST += nginx/messagerie-page.conf nginx/standalone-page.conf $(page_sources) \
	page/demo/story.json page/demo/drawings page/demo/pictures
wwwdir = $(pkgdatadir)/www

page: www/messagerie/index.html

page-packages/package-lock.json: page/package-lock.json page/package.json
	$(AM_V_at)rm -rf page-packages page-packages.new
	$(AM_V_at)$(MKDIR_P) page-packages.new
	$(AM_V_at)cp $(srcdir)/page/package.json $(srcdir)/page/package-lock.json \
		$(srcdir)/page/.npmrc page-packages.new
	$(AM_V_GEN)cd page-packages.new && npm ci --ignore-scripts
	$(AM_V_at)mv page-packages.new page-packages && touch $@

www/messagerie/index.html: page-packages/package-lock.json $(page_sources)
	$(AM_V_GEN)node $(srcdir)/page/build.mjs page-packages www

install-page:
	test ! -f www/messagerie/index.html || { \
		$(MKDIR_P) "$(DESTDIR)$(wwwdir)/messagerie" && \
		$(INSTALL_DATA) www/messagerie/* "$(DESTDIR)$(wwwdir)/messagerie"; }
	$(MKDIR_P) "$(DESTDIR)$(webserverdir)"
	$(SED) 's|/usr/share/messagerie/www|$(wwwdir)|' $(srcdir)/nginx/messagerie-page.conf \
		>"$(DESTDIR)$(webserverdir)/messagerie-page.conf"

uninstall-page:
	rm -f "$(DESTDIR)$(webserverdir)/messagerie-page.conf"
	rm -rf "$(DESTDIR)$(wwwdir)/messagerie"
	rmdir "$(DESTDIR)$(wwwdir)" 2>/dev/null || :

clean-page:
	rm -rf www page-packages page-packages.new

## The pictures of the README, from the demo.
screenshots: all page
	MESSAGERIE_BUILD=$(abs_builddir) node $(top_srcdir)/tests/e2e/screenshots.mjs

.PHONY: page screenshots install-page uninstall-page clean-page
