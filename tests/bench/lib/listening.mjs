// Servers of this bench that tell their two ports by themselves: `listening CLIENTS LINES`.

import { join } from 'node:path';

import { Contestant, makeFolder, removeFolder, SERVER_CPU, spawnPinned }
    from './contestant.mjs';
import { writeIdentities } from './people.mjs';

const LISTENING = /^listening (\d+) (\d+)$/m;

export class ListeningContestant extends Contestant {
    /** `protocol` as bench_sockets names it; `path` of the upgrade request; `modules` see
     * Contestant. */
    constructor(name, { command, args = [], protocol, path = '/', modules = [] }) {
        super(name, [], modules);
        this.command = command;
        this.args = args;
        this.protocol = protocol;
        this.path = path;
    }

    async start() {
        this.folder = makeFolder();
        this.program = await spawnPinned(SERVER_CPU, this.command, this.args, {},
            { name: this.name, isReady: (program) => LISTENING.test(program.log) });
        const [, clients, lines] = LISTENING.exec(this.program.log);
        this.target = `127.0.0.1:${clients}`;
        this.publish = `lines:127.0.0.1:${lines}`;
    }

    pids() {
        return [this.program.pid];
    }

    async stop() {
        if (this.program?.isRunning)
            await this.program.kill();
        removeFolder(this.folder);
    }

    clientArguments(numbers, options) {
        return {
            target: this.target,
            path: this.path,
            protocol: this.protocol,
            ...(this.protocol === 'socketio' ? {
                identities: writeIdentities(join(this.folder, 'identities'), numbers, options),
            } : {}),
        };
    }

    fanoutArguments() {
        return { ...this.clientArguments([0]), publish: this.publish };
    }
}
