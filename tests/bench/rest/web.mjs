// What the contestants of the REST areas have in common: a folder, people's tokens, and an nginx
// with the site that messagerie ships.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { freePort, isListening } from '../../e2e/harness/http.mjs';
import { SOURCE } from '../../e2e/harness/project.mjs';
import { signClaims, usualClaims } from '../../e2e/harness/token.mjs';
import { Contestant, makeFolder, removeFolder, SERVER_CPU, spawnPinned } from '../lib/contestant.mjs';
import { processTree } from '../lib/cpu.mjs';
import { SECRET } from '../lib/people.mjs';
import { SALON } from './dataset.mjs';

export const salonToken = () => signClaims(usualClaims(SALON, 'salon'), SECRET);

export class WebContestant extends Contestant {
    #started = [];

    makeFolder() {
        this.folder = makeFolder();
        return this.folder;
    }

    get socketFolder() {
        return join(this.folder, 'run');
    }

    socket(name) {
        return join(this.socketFolder, `${name}.sock`);
    }

    /** Starts a process that is stopped with the others. */
    async spawn(name, command, args, environment, isReady) {
        const program = await spawnPinned(SERVER_CPU, command, args, environment, { name, isReady });
        this.#started.push(program);
        return program;
    }

    /** The shipped configuration, from `nginx/render`. */
    #render = (nginxFolder) => execFileSync(join(SOURCE, 'nginx/render'),
        [nginxFolder, this.socketFolder, `127.0.0.1:${this.port}`]);

    /** `configure` makes nginx's folder, with nginx.conf in it for `port`. */
    async startNginx(configure = this.#render) {
        const nginxFolder = join(this.folder, 'nginx');
        this.port = await freePort();
        configure(nginxFolder);
        this.nginx = await this.spawn('nginx', 'nginx',
            ['-p', nginxFolder, '-e', 'stderr', '-c', join(nginxFolder, 'nginx.conf')], {},
            () => isListening(this.port));
    }

    /** Process ids by what they are: {program, nginx, …}. */
    processes() {
        return { nginx: processTree(this.nginx.pid) };
    }

    /** CPU time of processes of these groups that have ended: {database: us}. */
    endedTimes() {
        return {};
    }

    pids() {
        return Object.values(this.processes()).flat();
    }

    async stop() {
        for (const program of this.#started.reverse())
            await program.stop();
        this.#started = [];
        removeFolder(this.folder);
        this.folder = undefined;
    }
}
