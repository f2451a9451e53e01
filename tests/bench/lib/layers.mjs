// Our protocol layers without what stands above them: database, tokens, rooms (bench_layers.c).

import { join } from 'node:path';

import { BUILD } from '../../e2e/harness/project.mjs';
import { ListeningContestant } from './listening.mjs';

export const layers = () => new ListeningContestant('layers', {
    command: join(BUILD, 'tests/bench/bench_layers'),
    protocol: 'socketio',
    path: '/socket.io/?EIO=4&transport=websocket',
});
