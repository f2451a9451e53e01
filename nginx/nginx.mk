## nginx/: the site files of nginx and Apache, and recipes for other web servers.

webserverdir = $(pkgdatadir)/nginx
dist_webserver_DATA = nginx/messagerie.conf
apachedir = $(webserverdir)/apache
dist_apache_DATA = nginx/apache/.htaccess
dist_apache_SCRIPTS = nginx/apache/program.fcgi
infrontdir = $(docdir)/recipes/in-front
dist_infront_DATA = nginx/recipes/in-front/nginx.conf nginx/recipes/in-front/apache.conf \
	nginx/recipes/in-front/haproxy.cfg nginx/recipes/in-front/Caddyfile
inplacedir = $(docdir)/recipes/in-place
dist_inplace_DATA = nginx/recipes/in-place/apache.conf nginx/recipes/in-place/haproxy.cfg \
	nginx/recipes/in-place/Caddyfile nginx/recipes/in-place/lighttpd.conf
EXTRA_DIST += nginx/messagerie-upstreams.conf nginx/render nginx/standalone.conf.in nginx/demo.conf.in \
	nginx/apache/httpd.conf.in nginx/apache/render

install-webserver-files:
	$(MKDIR_P) "$(DESTDIR)$(webserverdir)"
	$(SED) 's|unix:/run/messagerie/|unix:$(runstatedir)/messagerie/|' \
		$(srcdir)/nginx/messagerie-upstreams.conf \
		>"$(DESTDIR)$(webserverdir)/messagerie-upstreams.conf"

uninstall-webserver-files:
	rm -f "$(DESTDIR)$(webserverdir)/messagerie-upstreams.conf"

.PHONY: install-webserver-files uninstall-webserver-files
