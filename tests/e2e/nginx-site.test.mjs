// The two nginx files in a site of one's own: included as they are, the sockets' paths adapted,
// beside what such a site has already, and behind a proxy that tells whom it speaks for.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';

import { freePort, isListening, sendBytes, sendRequest } from './harness/http.mjs';
import { CONVERSATIONS, PROGRAMS } from './harness/paths.mjs';
import { Program } from './harness/program.mjs';
import { SOURCE } from './harness/project.mjs';
import { describeStack } from './harness/stack.mjs';

const MIB = 1024 * 1024;
const CHUNK = 64 * 1024;
const TOKENLESS_BURST = 500; // of messagerie.conf

/** A site with PHP and an error page of its own, neither of which may touch our paths. */
function siteConfiguration(folder, port) {
    const isRoot = process.getuid() === 0;
    const temporary = ['client_body', 'fastcgi', 'proxy', 'uwsgi', 'scgi'].map((name) =>
        `${name}_temp_path ${join(folder, name)};`).join('\n');
    return `${isRoot ? 'user root root;' : ''}
        daemon off;
        pid ${join(folder, 'nginx.pid')};
        error_log stderr;
        events {}
        http {
            access_log off;
            ${temporary}
            include ${join(folder, 'messagerie-upstreams.conf')};
            set_real_ip_from 127.0.0.1;
            real_ip_header X-Forwarded-For;
            server {
                listen 127.0.0.1:${port};
                error_page 404 500 502 503 /sorry.html;
                location / { return 200 "the site"; }
                location ~ \\.php$ { return 200 "php"; }
                include ${join(SOURCE, 'nginx/messagerie.conf')};
            }
            server {
                # A proxy that has no address.
                listen unix:${join(folder, 'nginx.sock')};
                include ${join(SOURCE, 'nginx/messagerie.conf')};
            }
        }`;
}

describeStack('a site of one\'s own', { front: 'nginx' }, ({ stack, test }) => {
    let folder;
    let nginx;
    let port;

    before(async () => {
        folder = mkdtempSync(join(tmpdir(), 'site-'));
        port = await freePort();
        const upstreams = readFileSync(join(SOURCE, 'nginx/messagerie-upstreams.conf'), 'utf8');
        const sockets = upstreams.match(/unix:\/run\/messagerie\//g);
        // The broker has one, too.
        assert.equal(sockets.length, PROGRAMS.length + 1, 'one line to adapt for each program');
        writeFileSync(join(folder, 'messagerie-upstreams.conf'),
            upstreams.replaceAll('unix:/run/messagerie/', `unix:${stack.socketFolder}/`));
        const configuration = join(folder, 'nginx.conf');
        writeFileSync(configuration, siteConfiguration(folder, port));
        nginx = new Program({
            name: 'nginx',
            command: ['nginx', '-p', folder, '-e', 'stderr', '-c', configuration],
        });
        await nginx.start(() => isListening(port));
    });
    after(async () => {
        await nginx.stop();
        rmSync(folder, { recursive: true, force: true });
    });

    test('our paths reach the programs, the others stay the site\'s', async () => {
        for (const [path, status, text] of [
            ['/', 200, 'the site'],
            ['/index.php', 200, 'php'],
            ['/messaging-list', 200, 'the site'],
            [CONVERSATIONS, 401, undefined],
            [`${CONVERSATIONS}/index.php`, 401, undefined],
            [`${CONVERSATIONS}/x/messages`, 401, undefined],
            ['/messaging/messages/index.php', 401, undefined],
        ]) {
            const response = await sendRequest({ port, path });
            assert.equal(response.status, status, path);
            if (text === undefined)
                assert.equal(response.body.statusCode, status, path);
            else
                assert.equal(response.text, text, path);
        }
    });

    test('a program\'s own 404 is not replaced by the site\'s page', async () => {
        const salon = await stack.knownPerson('salon');
        const response = await sendRequest({ port, path: `${CONVERSATIONS}/unknown`, token: salon.token });
        assert.equal(response.status, 404);
        assert.equal(response.body.error, 'Not Found');
    });

    test('a chunked body above 2 MiB is refused in JSON too', async () => {
        const chunk = `${CHUNK.toString(16)}\r\n${'x'.repeat(CHUNK)}\r\n`;
        const { status, text } = await sendBytes(port, `POST ${CONVERSATIONS} HTTP/1.1\r\n`
            + 'Host: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'
            + `${chunk.repeat(2 * MIB / CHUNK + 1)}0\r\n\r\n`);
        assert.equal(status, 413);
        assert.equal(JSON.parse(text.split('\r\n\r\n')[1]).statusCode, 413);
    });

    /** Whether some of so many requests without a token, each from the next address, are refused. */
    async function isCounted(addresses, target = { port }) {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
        const answers = await Promise.all(Array.from({ length: 2 * TOKENLESS_BURST }, (_, i) =>
            sendRequest({ agent, path: CONVERSATIONS, ...target,
                headers: { 'x-forwarded-for': addresses[i % addresses.length] } })));
        agent.destroy();
        return answers.some(({ status }) => status === 429);
    }

    for (const [what, addresses, expected] of [
        ['one IPv4 address', ['192.0.2.1'], true],
        ['two IPv4 addresses', ['192.0.2.2', '192.0.2.3'], false],
        ['one /64 of IPv6', ['2001:db8::1', '2001:db8::ffff:2', '2001:db8:0:0:a:b:c:d'], true],
        ['two of them', ['2001:db8:0:1::1', '2001:db8:0:2::1'], false],
        ['bytes that are line breaks', ['2001:db8:a0a:a0a:a0a:a0a:a0a:1', '2001:db8:a0a:a0a::1'], true],
        ['one IPv4 address in IPv6', ['::ffff:192.0.2.4', '192.0.2.4'], true],
        ['two IPv4 addresses in IPv6', ['::ffff:192.0.2.5', '::ffff:192.0.2.6'], false],
    ])
        test(`${what}: ${expected ? 'counted as one' : 'counted each for itself'}`, async () =>
            assert.equal(await isCounted(addresses), expected));

    test('a proxy without an address is not counted', async () =>
        assert.equal(await isCounted(['192.0.2.7'], { socketPath: join(folder, 'nginx.sock') }), false));
});
