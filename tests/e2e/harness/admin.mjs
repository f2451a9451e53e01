// The administrator's tool, `messagerie`, on a stack's configuration.

import { execFile } from 'node:child_process';
import { join } from 'node:path';

import { BUILD } from './project.mjs';

/** Runs it and gives {code, stdout, stderr}. */
export function messagerie(stack, ...args) {
    return new Promise((resolve) => {
        execFile(join(BUILD, 'messagerie'), args,
            { env: { MESSAGERIE_CONFIG: stack.configuration } },
            (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
    });
}
