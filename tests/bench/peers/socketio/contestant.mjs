import { fileURLToPath } from 'node:url';

import { ListeningContestant } from '../../lib/listening.mjs';

export const socketio = () => new ListeningContestant('socket.io', {
    command: process.execPath,
    args: [fileURLToPath(new URL('server.mjs', import.meta.url))],
    modules: ['node_modules/socket.io', 'node_modules/jsonwebtoken'],
    protocol: 'socketio',
    path: '/socket.io/?EIO=4&transport=websocket',
});
