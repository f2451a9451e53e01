// The ways in which the programs stand behind a web server. Each front has start(stack), which
// gives the port, stop(), which gives how the server ended, and `log`: what it holds of the
// programs' log that has not been handed to stack.addLog.

import { execFile } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { runCgi } from './cgi.mjs';
import { freePort, isListening } from './http.mjs';
import { PROGRAMS, programOf } from './paths.mjs';
import { Program } from './program.mjs';
import { BUILD, SOURCE } from './project.mjs';

const run = promisify(execFile);
// Another process may take a port between our finding it free and the server's taking it.
const PORT_ATTEMPTS = 3;

/** Starts a server on a free port; gives {server, port}. */
async function startOnFreePort(makeServer) {
    for (let attempt = 1; ; attempt++) {
        const port = await freePort();
        const server = await makeServer(port);
        try {
            await server.start(() => isListening(port));
            return { server, port };
        } catch (error) {
            if (attempt === PORT_ATTEMPTS || !/in use/i.test(`${error}`))
                throw error;
        }
    }
}

class ServerFront {
    get log() {
        return '';
    }

    async stop() {
        return this.server?.stop('SIGTERM');
    }
}

/** nginx in front of programs that the stack runs. */
export class NginxFront extends ServerFront {
    needsPrograms = true;

    async start(stack) {
        const nginxFolder = join(stack.folder, 'nginx');
        const { server, port } = await startOnFreePort(async (candidate) => {
            await run(join(SOURCE, 'nginx/render'),
                [nginxFolder, stack.socketFolder, `127.0.0.1:${candidate}`, ...stack.origins]);
            return new Program({
                name: 'nginx',
                command: ['nginx', '-p', nginxFolder, '-e', 'stderr',
                    '-c', join(nginxFolder, 'nginx.conf')],
                onLog: stack.addLog,
            });
        });
        this.server = server;
        return port;
    }
}

const WWW_DATA = 33; // Debian's fixed user and group of web servers
const isRoot = process.getuid() === 0;

/** Apache, which runs the programs by itself: one process a request (mod_cgid) or some that it
 * keeps (mod_fcgid). */
export class ApacheFront extends ServerFront {
    needsPrograms = false;
    #defines;
    #errorLog = '';

    constructor(module) {
        super();
        this.#defines = module === 'fcgid' ? ['-D', 'FCGID'] : [];
    }

    get log() {
        return existsSync(this.#errorLog) ? readFileSync(this.#errorLog, 'utf8') : '';
    }

    async start(stack) {
        const root = join(stack.folder, 'apache');
        this.#errorLog = join(root, 'error.log');
        for (const name of PROGRAMS)
            copyFileSync(join(BUILD, `${name}.fcgi`), join(stack.accountFolder, `${name}.fcgi`));
        giveToServer(stack);
        const { server, port } = await startOnFreePort(async (candidate) => {
            await run(join(SOURCE, 'nginx/apache/render'),
                [root, `127.0.0.1:${candidate}`, stack.accountFolder]);
            return new Program({
                name: 'apache',
                command: ['apache2', '-d', root, '-f', join(root, 'httpd.conf'),
                    '-D', 'FOREGROUND', ...this.#defines],
                onLog: stack.addLog,
            });
        });
        this.server = server;
        return port;
    }
}

/** Started by root, Apache serves as another user, which must reach the programs and the data. */
function giveToServer({ folder, accountFolder, configuration }) {
    if (!isRoot)
        return;
    chmodSync(folder, 0o755);
    for (const path of [accountFolder, configuration])
        chownSync(path, WWW_DATA, WWW_DATA);
}

/** The smallest web server there is: runs a program as plain CGI, `env -i`, for each request. */
export class CgiFront {
    needsPrograms = false;
    log = '';

    async start(stack) {
        this.server = http.createServer((request, response) => {
            this.#answer(stack, request, response).catch((error) => {
                stack.addLog(`${error.message}\n`);
                response.destroy();
            });
        });
        await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
        return this.server.address().port;
    }

    async #answer(stack, request, response) {
        const chunks = [];
        for await (const chunk of request)
            chunks.push(chunk);
        const answer = await runCgi(join(BUILD, `${programOf(request.url)}.fcgi`), {
            method: request.method,
            path: request.url,
            headers: request.headers,
            body: chunks.length > 0 ? Buffer.concat(chunks) : undefined,
        }, { MESSAGERIE_CONFIG: stack.configuration });
        stack.addLog(answer.stderr);
        response.writeHead(answer.status, answer.headers);
        response.end(answer.text);
    }

    async stop() {
        this.server.closeAllConnections();
        await new Promise((resolve) => this.server.close(resolve));
        return { code: 0, signal: null };
    }
}

export function makeFront(name) {
    switch (name) {
    case 'nginx':
        return new NginxFront();
    case 'apache-cgid':
        return new ApacheFront('cgid');
    case 'apache-fcgid':
        return new ApacheFront('fcgid');
    case 'cgi':
        return new CgiFront();
    default:
        throw new Error(`no such front: ${name}`);
    }
}
