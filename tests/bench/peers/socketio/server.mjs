// What our broker does, as one would write it with socket.io and jsonwebtoken, without a database:
// tokens, rooms, connection state recovery. Each line on the second port is the payload of a
// `new-message` to the room.

import { createSecretKey } from 'node:crypto';
import http from 'node:http';

import jsonwebtoken from 'jsonwebtoken';
import { Server } from 'socket.io';

import { listenForLines } from '../lines.mjs';
import { roomOf, SECRET } from '../../lib/people.mjs';

const RECOVERY_MS = 600_000;
// Given the secret as a text, as its documentation does, jsonwebtoken first tries to read a public
// key out of it, every time: that would more than double what a connect costs here.
const KEY = createSecretKey(SECRET, 'utf8');

const server = http.createServer();
const io = new Server(server, {
    transports: ['websocket', 'polling'],
    connectionStateRecovery: { maxDisconnectionDuration: RECOVERY_MS, skipMiddlewares: false },
});
const messaging = io.of('/messaging');

messaging.use((socket, next) => {
    jsonwebtoken.verify(socket.handshake.auth.token, KEY, { algorithms: ['HS256'] },
        (error, claims) => {
            socket.data.userId = claims?.userId;
            next(error ? new Error('Unauthorized') : undefined);
        });
});

messaging.on('connection', (socket) => {
    socket.on('join-conversation', ({ conversationId }) => {
        socket.join(conversationId);
        socket.emit('conversation-history', { conversationId, messages: [] });
    });
    if (!socket.recovered)
        socket.emit('unread-count-updated', { totalUnread: 0 });
});

server.listen(0, '127.0.0.1', () => listenForLines(server, (line) => {
    messaging.to(roomOf(0)).emit('new-message', JSON.parse(line));
}));
