## broker/: the push broker, knows db/ and common/. Three floors: a lower one links without those
## above it.

noinst_LIBRARIES += libtransport.a libprotocol.a libbroker.a
libtransport_a_SOURCES = \
	broker/transport/farewell.c broker/transport/farewell.h \
	broker/transport/frame.c broker/transport/frame.h \
	broker/transport/http.c broker/transport/http.h \
	broker/transport/listener.c broker/transport/listener.h \
	broker/transport/loop.c broker/transport/loop.h \
	broker/transport/output.c broker/transport/output.h \
	broker/transport/query.c broker/transport/query.h \
	broker/transport/table.c broker/transport/table.h \
	broker/transport/timer.c broker/transport/timer.h \
	broker/transport/websocket.c broker/transport/websocket.h
transport_libraries = libtransport.a $(common_libraries) $(MICROHTTPD_LIBS) $(NETTLE_LIBS)

libprotocol_a_SOURCES = \
	broker/protocol/engineio.c broker/protocol/engineio.h \
	broker/protocol/engineio_answer.c broker/protocol/engineio_answer.h \
	broker/protocol/engineio_packet.c broker/protocol/engineio_packet.h \
	broker/protocol/engineio_session.c broker/protocol/engineio_session.h \
	broker/protocol/polling.c broker/protocol/polling.h \
	broker/protocol/socketio.c broker/protocol/socketio.h \
	broker/protocol/socketio_connection.c broker/protocol/socketio_connection.h \
	broker/protocol/socketio_packet.c broker/protocol/socketio_packet.h \
	broker/protocol/socketio_socket.c broker/protocol/socketio_socket.h
protocol_libraries = libprotocol.a $(transport_libraries)

libbroker_a_SOURCES = \
	broker/action.c broker/action.h \
	broker/admin.c broker/admin.h \
	broker/admission.c broker/admission.h \
	broker/broker.c broker/broker.h \
	broker/catch_up.c broker/catch_up.h \
	broker/client.c broker/client.h \
	broker/client_events.c broker/client_events.h \
	broker/connections.c broker/connections.h \
	broker/delivery.c broker/delivery.h \
	broker/exposition.c broker/exposition.h \
	broker/feed.c broker/feed.h \
	broker/follow_up.c broker/follow_up.h \
	broker/lag.c broker/lag.h \
	broker/metrics.c broker/metrics.h \
	broker/parts.h \
	broker/presence.c broker/presence.h \
	broker/readiness.c broker/readiness.h \
	broker/recovery_writes.c broker/recovery_writes.h \
	broker/rest_metrics.c broker/rest_metrics.h \
	broker/restart.c broker/restart.h \
	broker/rooms.c broker/rooms.h \
	broker/silent.c broker/silent.h \
	broker/totals.c broker/totals.h \
	broker/typing.c broker/typing.h \
	broker/withdrawal.c broker/withdrawal.h \
	broker/worker.c broker/worker.h
broker_libraries = libbroker.a libprotocol.a libtransport.a $(db_libraries) $(MICROHTTPD_LIBS) \
	$(NETTLE_LIBS)

programs_PROGRAMS += messagerie-broker
messagerie_broker_SOURCES = broker/messagerie_broker_main.c
messagerie_broker_LDADD = $(broker_libraries)
