// A broadcast as the documentation of ws has it.

import http from 'node:http';

import { WebSocket, WebSocketServer } from 'ws';

import { listenForLines } from '../lines.mjs';

const server = http.createServer();
const sockets = new WebSocketServer({ server });

server.listen(0, '127.0.0.1', () => listenForLines(server, (line) => {
    for (const client of sockets.clients)
        if (client.readyState === WebSocket.OPEN)
            client.send(line);
}));
