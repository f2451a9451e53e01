// The floor: the same nginx, and behind it a program that answers a constant (constant_fcgi.c).

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { isListening } from '../../e2e/harness/http.mjs';
import { BUILD } from '../../e2e/harness/project.mjs';
import { WebContestant } from './web.mjs';

const THREADS = 4;

export class Floor extends WebContestant {
    constructor() {
        super('floor', ['nginx']);
    }

    async start() {
        mkdirSync(join(this.makeFolder(), 'run'));
        await this.startNginx();
    }

    /** Answers with that many bytes from now on. */
    async answerWith(bytes) {
        if (bytes === this.bytes)
            return;
        await this.program?.stop();
        this.bytes = bytes;
        this.program = await this.spawn('constant_fcgi', join(BUILD, 'tests/bench/constant_fcgi'),
            [this.socket('messages'), bytes, THREADS].map(String), {},
            () => isListening(this.socket('messages')));
    }

    processes() {
        return { program: this.program ? [this.program.pid] : [], ...super.processes() };
    }

    async stop() {
        await super.stop();
        this.program = undefined;
        this.bytes = undefined;
    }
}
