import { fileURLToPath } from 'node:url';

import { ListeningContestant } from '../../lib/listening.mjs';

export const ws = () => new ListeningContestant('ws', {
    command: process.execPath,
    args: [fileURLToPath(new URL('server.mjs', import.meta.url))],
    modules: ['node_modules/ws'],
    protocol: 'websocket',
});
