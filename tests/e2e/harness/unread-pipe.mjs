// A pipe that nobody reads, for what is written there.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';

/** A pipe that is open and never read, until it is read. */
export class UnreadPipe {
    constructor(path) {
        execFileSync('mkfifo', [path]);
        this.descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
        // Not the same: spawn takes O_NONBLOCK away from what it hands on.
        this.end = openSync(path, constants.O_WRONLY);
    }

    close() {
        closeSync(this.descriptor);
        closeSync(this.end);
    }

    fill() {
        try {
            for (;;)
                writeSync(this.descriptor, Buffer.alloc(4096, 'x'));
        } catch (error) {
            assert.equal(error.code, 'EAGAIN');
        }
    }

    read() {
        const parts = [];
        const part = Buffer.alloc(65_536);
        try {
            for (;;)
                parts.push(part.toString('utf8', 0, readSync(this.descriptor, part)));
        } catch (error) {
            assert.equal(error.code, 'EAGAIN');
        }
        return parts.join('');
    }
}
