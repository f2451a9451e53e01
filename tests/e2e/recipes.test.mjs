// The recipes of nginx/recipes/: other web servers in front of our nginx, and in its place, with TLS.
// Each is run as it stands, but for what its head says is to be adapted. A part of `make check-all`;
// elsewhere only for servers that are installed.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import io from 'socket.io-client';

import { describeBroker, NAMESPACE } from './harness/broker.mjs';
import { until } from './harness/conditions.mjs';
import { freePort, isListening, sendRequest } from './harness/http.mjs';
import { conversationPath } from './harness/paths.mjs';
import { errorOf, openConversation, send } from './harness/people.mjs';
import { Program } from './harness/program.mjs';
import { SOURCE } from './harness/project.mjs';
import { checkSmokeRequest, SMOKE_REQUESTS } from './harness/smoke.mjs';

const RECIPES = join(SOURCE, 'nginx/recipes');
const APACHE_MODULES = '/usr/lib/apache2/modules';
const isRoot = process.getuid() === 0;
const mustRun = Boolean(process.env.MESSAGERIE_TEST_LONG);

function isInstalled(command) {
    return process.env.PATH.split(':').concat('/usr/sbin', '/sbin').some((folder) => {
        try {
            accessSync(join(folder, command), constants.X_OK);
            return true;
        } catch {
            return false;
        }
    });
}

/** How each server is run on a recipe (a text, made the whole of a configuration) in a folder. */
const SERVERS = {
    nginx: (folder, recipe) => [`${isRoot ? 'user root root;' : ''}
        daemon off;
        pid ${folder}/pid;
        error_log stderr;
        events {}
        http {
            access_log off;
            ${['client_body', 'fastcgi', 'proxy', 'uwsgi', 'scgi'].map((name) =>
        `${name}_temp_path ${folder}/${name};`).join('\n')}
            ${recipe}
        }`, (path) => ['nginx', '-p', folder, '-e', 'stderr', '-c', path]],
    apache2: (folder, recipe, port) => [`ServerRoot "${folder}"
        DefaultRuntimeDir "${folder}"
        PidFile "${folder}/pid"
        Mutex flock:${folder} default
        ErrorLog "${folder}/error.log"
        ServerName localhost
        User www-data
        Group www-data
        Listen 127.0.0.1:${port}
        ${['mpm_event', 'authz_core', 'setenvif', 'headers', 'socache_shmcb', 'ssl', 'proxy', 'proxy_http',
        'proxy_fcgi'].map((name) =>
        `LoadModule ${name}_module ${APACHE_MODULES}/mod_${name}.so`).join('\n')}
        ${recipe}`, (path) => ['apache2', '-d', folder, '-f', path, '-D', 'FOREGROUND']],
    haproxy: (folder, recipe) => [recipe, (path) => ['haproxy', '-db', '-f', path]],
    caddy: (folder, recipe) => [`{
    admin off
    auto_https disable_redirects
}
${recipe}`, (path) => ['caddy', 'run', '--adapter', 'caddyfile', '--config', path]],
    lighttpd: (folder, recipe) => [recipe, (path) => ['lighttpd', '-D', '-f', path]],
};

const SERVER_OF = {
    'nginx.conf': 'nginx', 'apache.conf': 'apache2', 'haproxy.cfg': 'haproxy', Caddyfile: 'caddy',
    'lighttpd.conf': 'lighttpd',
};

/** Certificate, key and both in one file, for localhost. */
function makeCertificate(folder) {
    const [certificate, key, both] = ['cert.pem', 'cert.key', 'both.pem'].map((name) => join(folder, name));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj',
        '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate],
    { stdio: 'ignore' });
    writeFileSync(both, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'));
    return { certificate, key, both };
}

/** What the heads of the recipes say is to be adapted. */
function adapt(recipe, { server, port, backend, sockets, certificate, key, both }) {
    return recipe
        .replaceAll('/etc/ssl/chat.example.pem', server === 'haproxy' ? both : certificate)
        .replaceAll('/etc/ssl/chat.example.key', key)
        .replaceAll('/run/messagerie/', `${sockets}/`)
        .replaceAll('127.0.0.1:8080', `127.0.0.1:${backend}`)
        .replaceAll('chat.example:443', `localhost:${port}`)
        .replaceAll('chat.example', 'localhost')
        .replaceAll('listen 443', `listen 127.0.0.1:${port}`)
        .replaceAll('bind :443', `bind 127.0.0.1:${port}`)
        .replaceAll('*:443', `127.0.0.1:${port}`)
        .replaceAll('server.port = 443', `server.port = ${port}\nserver.bind = "127.0.0.1"`);
}

function tryRecipe(place, file) {
    const name = SERVER_OF[file];
    assert.ok(name, `no server is known for ${file}`);
    if (!mustRun && !isInstalled(name)) {
        describe(`${place}/${file}`, () => {
            it('is tried where the server is installed', { skip: `there is no ${name}` });
        });
        return;
    }
    // In a suite of its own, which ends before the programs behind it do.
    describeBroker(`${place}/${file}`, {}, ({ stack, test }) => describe('the recipe', () => {
        let program;
        let port;

        before(async () => {
            const folder = join(stack.folder, 'recipe');
            mkdirSync(folder);
            // Servers that do not stay root must reach what is in there.
            for (const path of [stack.folder, stack.socketFolder, folder])
                chmodSync(path, 0o777);
            for (const socket of readdirSync(stack.socketFolder))
                chmodSync(join(stack.socketFolder, socket), 0o666);
            port = await freePort();
            const recipe = adapt(readFileSync(join(RECIPES, place, file), 'utf8'), {
                server: name, port, backend: stack.port, sockets: stack.socketFolder,
                ...makeCertificate(folder),
            });
            const [text, commandOf] = SERVERS[name](folder, recipe, port);
            const path = join(folder, file);
            writeFileSync(path, text);
            program = new Program({
                name,
                command: commandOf(path),
                environment: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, HOME: folder },
            });
            await program.start(() => isListening(port));
        });
        after(() => program?.stop('SIGTERM'));

        const secure = {
            request: ({ headers, ...options }) => sendRequest({
                port, isSecure: true, headers: { host: `localhost:${port}`, ...headers }, ...options,
            }),
        };

        test('carries all requests of REST', async () => {
            const people = {
                salon: stack.person('salon', { salonName: 'Salon des Lilas' }),
                client: stack.person('client', { firstName: 'Zoé' }),
                outsider: stack.person('client'),
            };
            const known = { clientId: people.client.id };
            for (const request of SMOKE_REQUESTS)
                try {
                    await checkSmokeRequest(secure, people, known, request);
                } catch (error) {
                    error.message = `${request.name}: ${error.message}`;
                    throw error;
                }
        });

        test('leaves paths as they were sent', async () => {
            const { token } = await stack.knownPerson('client');
            for (const id of ['a%2Fb', '%C3%A9', 'a%20b', 'a+b', '%61'])
                errorOf(await secure.request({ path: conversationPath(id), token }), 404);
        });

        test('takes the path of sockets without its slash', async () => {
            const { token } = await stack.knownPerson('client');
            for (const transports of [['websocket'], ['polling']]) {
                const socket = io(`https://localhost:${port}${NAMESPACE}`, {
                    auth: { token }, transports, forceNew: true, rejectUnauthorized: false,
                    addTrailingSlash: false,
                });
                let reason;
                socket.on('connect_error', (error) => { reason = error; });
                try {
                    await until(`it is connected; ${reason}`, () => socket.connected);
                } finally {
                    socket.disconnect();
                }
            }
        });

        for (const transports of [['websocket'], ['polling'], undefined])
            test(`carries sockets: ${transports ?? 'default transports'}`, async () => {
                const { salon, client } = await stack.salonAndClient();
                const { id } = await openConversation(salon, client);
                const origin = `https://localhost:${port}`;
                const socket = io(`${origin}${NAMESPACE}`, {
                    auth: { token: client.token }, transports, forceNew: true,
                    rejectUnauthorized: false,
                    // As a page of that host, with what else the host has set.
                    extraHeaders: { origin, cookie: `other=${'x'.repeat(4000)}` },
                });
                const got = [];
                socket.on('new-message', (message) => got.push(message));
                let reason;
                socket.on('connect_error', (error) => { reason = error; });
                try {
                    await until(`it is connected; ${reason}`, () => socket.connected);
                    assert.equal((await socket.timeout(10_000)
                        .emitWithAck('join-conversation', { conversationId: id })).status, 'ok');
                    if (transports === undefined)
                        await until('it is upgraded', () => socket.io.engine.transport.name === 'websocket');
                    const message = await send(salon, id);
                    await until('it comes', () => got.length > 0);
                    assert.deepEqual(got.map((one) => one.id), [message.id]);
                } finally {
                    socket.disconnect();
                }
            });
    }));
}

for (const place of ['in-front', 'in-place'])
    for (const file of readdirSync(join(RECIPES, place)))
        tryRecipe(place, file);
