// The spool: what the booking back-end leaves there, and the process that takes it.

import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { until } from './conditions.mjs';
import { Program } from './program.mjs';
import { BUILD } from './project.mjs';

const NAME_DIGITS = 9;

export class Spool {
    #written = 0;

    constructor(stack) {
        this.folder = join(stack.folder, 'spool');
        mkdirSync(this.folder, { recursive: true });
        this.program = new Program({
            name: 'spool',
            command: [join(BUILD, 'messagerie'), 'spool', this.folder],
            environment: { MESSAGERIE_CONFIG: stack.configuration },
            onLog: stack.addLog,
        });
    }

    start() {
        const before = this.program.log.length;
        return this.program.start(() => this.program.log.slice(before).includes('msg="ready"'));
    }

    /** Leaves a change as the booking back-end does, behind all that it left before. */
    write(body) {
        const name = `${String(++this.#written).padStart(NAME_DIGITS, '0')}.json`;
        const path = join(this.folder, name);
        writeFileSync(`${path}.tmp`, typeof body === 'string' ? body : JSON.stringify(body));
        renameSync(`${path}.tmp`, path);
        return name;
    }

    /** What waits, in order. */
    waiting() {
        return readdirSync(this.folder).filter((name) => name.endsWith('.json')).sort();
    }

    /** What was put aside, with its reasons. */
    refused() {
        return readdirSync(join(this.folder, 'bad')).sort();
    }

    emptied(limitMs) {
        return until('the spool is empty', () => this.waiting().length === 0, limitMs);
    }
}
