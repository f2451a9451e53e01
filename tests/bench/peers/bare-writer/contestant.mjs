// The limit: a process that only writes.

import { join } from 'node:path';

import { BUILD } from '../../../e2e/harness/project.mjs';
import { ListeningContestant } from '../../lib/listening.mjs';

export const bareWriter = () => new ListeningContestant('bare', {
    command: join(BUILD, 'tests/bench/peers/bare-writer/bare_writer'),
    protocol: 'websocket',
});
