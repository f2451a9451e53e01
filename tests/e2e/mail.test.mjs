// `messagerie mail test`: the transports, against servers that take mail and servers that fail.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

import { BUILD } from './harness/project.mjs';

/** Tries it with these keys of [mail]; gives {code, told}. */
const send = (keys, to = 'lea@b.example') => new Promise((resolve) => {
    const environment = {
        JWT_SECRET: 'a secret of at least thirty-two bytes',
        MESSAGERIE_HTTP_PUBLIC_URL: 'https://chat.example',
        MESSAGERIE_MAIL_FROM: 'rdv@salon.example',
    };
    for (const [key, value] of Object.entries(keys))
        environment[`MESSAGERIE_MAIL_${key.toUpperCase()}`] = value;
    execFile(join(BUILD, 'messagerie'), ['--config', '/dev/null', 'mail', 'test', to], { env: environment },
        (error, stdout, stderr) => resolve({ code: error?.code ?? 0, told: stdout + stderr }));
});

const listen = (server) => new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server.address?.().port ?? server.server.address().port));
});

describe('mail to a server', () => {
    const mails = [];
    let folder;
    let server;
    let port;

    before(async () => {
        folder = mkdtempSync(join(tmpdir(), 'mail-'));
        execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
            '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem'), '-days', '2',
            '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' });
        server = new SMTPServer({
            key: readFileSync(join(folder, 'key.pem')),
            cert: readFileSync(join(folder, 'cert.pem')),
            authOptional: true,
            onAuth: ({ username, password }, session, done) =>
                done(username === 'salon' && password === 'mot de passe' ? null : new Error('no'),
                    { user: username }),
            onData: (stream, session, done) => {
                const chunks = [];
                const { envelope: { mailFrom, rcptTo }, secure, user } = session;
                stream.on('data', (chunk) => chunks.push(chunk));
                stream.on('end', () => {
                    mails.push({ from: mailFrom.address, to: rcptTo[0].address, secure, user,
                        content: Buffer.concat(chunks) });
                    done();
                });
            },
        });
        server.on('error', () => {});
        port = await listen(server);
    });
    after(async () => {
        await new Promise((resolve) => { server.close(resolve); });
        rmSync(folder, { recursive: true });
    });

    it('arrives as it was built', async () => {
        assert.deepEqual(await send({ url: `smtp://127.0.0.1:${port}`, reply_to: 'reponse@salon.example' }),
            { code: 0, told: 'sent 250: OK: message queued\n' });
        const { from, to, content } = mails.pop();
        assert.deepEqual([from, to], ['rdv@salon.example', 'lea@b.example']);
        const mail = await simpleParser(content);
        assert.deepEqual(mail.from.value, [{ address: 'rdv@salon.example', name: 'Messagerie' }]);
        assert.equal(mail.to.text, 'lea@b.example');
        assert.equal(mail.replyTo.text, 'reponse@salon.example');
        assert.equal(mail.subject, 'Essai d’envoi de la messagerie');
        assert.match(mail.messageId, /^<[0-9a-f-]{36}@salon\.example>$/);
        assert.equal(mail.headers.get('auto-submitted'), 'auto-generated');
        assert.match(mail.text, /^Bonjour,\n\nsi vous lisez ceci/);
    });

    it('goes by STARTTLS when it must, only to a server that shows who it is', async () => {
        const keys = { url: `smtp://localhost:${port}`, starttls: 'always' };
        assert.equal((await send({ ...keys, ca_file: join(folder, 'cert.pem') })).code, 0);
        assert.equal(mails.pop().secure, true);
        const refused = await send(keys);
        assert.equal(refused.code, 1);
        assert.match(refused.told, /^messagerie: misconfigured/);
        const other = await send({ ...keys, url: `smtp://127.0.0.1:${port}`, ca_file: join(folder, 'cert.pem') });
        assert.match(other.told, /^messagerie: misconfigured/);
        assert.equal(mails.length, 0);
    });

    it('logs in as the URL, the keys or a file say; a wrong password is told as that', async () => {
        const tls = { starttls: 'always', ca_file: join(folder, 'cert.pem') };
        const url = `smtp://localhost:${port}`;
        writeFileSync(join(folder, 'password'), 'mot de passe\n');
        for (const keys of [
            { url: `smtp://salon:mot%20de%20passe@localhost:${port}` },
            { url, user: 'salon', password: 'mot de passe' },
            { url, user: 'salon', password_file: join(folder, 'password') },
        ]) {
            assert.equal((await send({ ...tls, ...keys })).code, 0);
            assert.equal(mails.pop().user, 'salon');
        }
        const wrong = await send({ ...tls, url, user: 'salon', password: 'falsch' });
        assert.equal(wrong.code, 1);
        assert.match(wrong.told, /^messagerie: misconfigured 535: /);
        assert.doesNotMatch(wrong.told, /falsch/);
    });
});

describe('mail to a server that fails', { concurrency: 8 }, () => {
    /** A server that answers each command by `answers`, null: it cuts the connection; undefined: as is usual. */
    const withServer = async (answers, use) => {
        const usual = { greeting: '220 hello', EHLO: '250 here', MAIL: '250 ok', RCPT: '250 ok', DATA: '354 go on',
            end: '250 2.0.0 queued', QUIT: '221 bye' };
        const server = createServer((socket) => {
            let inData = false;
            let text = '';
            const answer = (step) => {
                const line = step in answers ? answers[step] : usual[step] ?? '500 what?';
                if (line === null)
                    socket.destroy();
                else if (line !== '')
                    socket.write(`${line}\r\n`);
                inData = step === 'DATA' && /^354/.test(line ?? '');
            };
            socket.on('error', () => {});
            socket.on('data', (chunk) => {
                text += chunk;
                for (;;) {
                    const end = inData ? text.indexOf('\r\n.\r\n') : text.indexOf('\r\n');
                    if (end < 0)
                        return;
                    const line = text.slice(0, end);
                    text = text.slice(end + (inData ? 5 : 2));
                    answer(inData ? 'end' : line.split(/[ :]/)[0]);
                }
            });
            answer('greeting');
        });
        const port = await listen(server);
        try {
            return await use({ url: `smtp://127.0.0.1:${port}` });
        } finally {
            server.close();
        }
    };

    for (const [step, answer, outcome] of [
        ['greeting', '421 busy', 'unreachable'],
        ['greeting', '554 go away', 'misconfigured'],
        ['greeting', 'garbage', 'unreachable'],
        ['greeting', null, 'unreachable'],
        ['EHLO', null, 'unreachable'],
        ['MAIL', '451 later', 'later'],
        ['MAIL', '530 5.7.0 log in first', 'misconfigured'],
        ['MAIL', '553 5.1.8 bad sender', 'refused'],
        ['MAIL', null, 'unreachable'],
        ['RCPT', '450 4.2.1 greylisted', 'later'],
        ['RCPT', '421 4.3.2 going down', 'unreachable'],
        ['RCPT', '552 5.2.2 full', 'later'],
        ['RCPT', '550 5.1.1 nobody', 'bad_address'],
        ['RCPT', '550 nobody', 'bad_address'],
        ['RCPT', '550-5.1.1 nobody\r\n550 5.1.1 at all', 'bad_address'],
        ['RCPT', '550 5.7.1 listed', 'refused'],
        ['RCPT', '554 5.7.1 relay denied', 'refused'],
        ['RCPT', null, 'unreachable'],
        ['DATA', '452 full', 'later'],
        ['DATA', '554 no', 'refused'],
        ['DATA', null, 'unreachable'],
        ['end', '451 4.3.0 later', 'later'],
        ['end', '552 5.3.4 too big', 'refused'],
        ['end', '554 5.6.0 spam', 'refused'],
        ['end', null, 'uncertain'],
        ['end', 'garbage', 'uncertain'],
        ['QUIT', null, 'sent'],
    ])
        it(`${step} answered by ${answer} is ${outcome}`, async () => {
            const { told } = await withServer({ [step]: answer }, (keys) => send({ ...keys, timeout_s: '10' }));
            assert.match(told, new RegExp(`^(messagerie: )?${outcome}\\b`), told);
        });

    it('is given up when the time is over', async () => {
        for (const [step, outcome] of [['greeting', 'unreachable'], ['RCPT', 'unreachable'], ['end', 'uncertain']]) {
            const { told } = await withServer({ [step]: '' }, (keys) => send({ ...keys, timeout_s: '1' }));
            assert.match(told, new RegExp(`^messagerie: ${outcome}\\b`), told);
        }
    });

    it('is not sent in clear to a server that offers no STARTTLS, when it must', async () => {
        const { told } = await withServer({}, (keys) => send({ ...keys, starttls: 'always' }));
        assert.match(told, /^messagerie: misconfigured/);
    });

    it('is unreachable where nobody listens', async () => {
        assert.match((await send({ url: 'smtp://127.0.0.1:1' })).told, /^messagerie: unreachable/);
    });
});

describe('mail by sendmail', { concurrency: 8 }, () => {
    let folder;
    let programs = 0;

    before(() => {
        folder = mkdtempSync(join(tmpdir(), 'sendmail-'));
    });
    after(() => rmSync(folder, { recursive: true }));

    const run = (script, keys = {}, to = undefined) => {
        const program = join(folder, `sendmail-${++programs}`);
        writeFileSync(program, `#!/bin/sh\n${script}\n`);
        chmodSync(program, 0o755);
        return send({ url: `sendmail:${program}`, ...keys }, to);
    };

    it('is handed over with its addresses as words, and nothing of ours around', async () => {
        const { code } = await run(`{ printf '%s\\n' "$@"; env; } >${folder}/words; cat >${folder}/mail`, {},
            "a'$(id)@b.example");
        assert.equal(code, 1); // no address
        assert.equal((await run(`{ printf '%s\\n' "$@"; env; } >${folder}/words; cat >${folder}/mail`, {},
            'o`id`@b.example')).code, 0);
        const words = readFileSync(join(folder, 'words'), 'utf8');
        assert.equal(words.startsWith('-i\n-f\nrdv@salon.example\n--\no`id`@b.example\n'), true);
        assert.doesNotMatch(words, /SECRET|MESSAGERIE/);
        assert.match((await simpleParser(readFileSync(join(folder, 'mail')))).text, /^Bonjour/);
    });

    for (const [script, outcome] of [
        ['cat >/dev/null', 'sent'],
        ['exit 67', 'bad_address 67'],
        ['cat >/dev/null; echo "no such user" >&2; exit 67', 'bad_address 67: no such user'],
        ['exit 75', 'later 75'],
        ['exit 69', 'unreachable 69'],
        ['exit 65', 'refused 65'],
        ['exit 78', 'misconfigured 78'],
        ['exit 1', 'misconfigured 1'],
        ['yes | head -c 300000 >&2; exit 75', 'later 75: y'],
        ['cat >/dev/null; kill -9 $$', 'uncertain'],
        ['cat >/dev/null; exec sleep 60', 'uncertain'],
    ])
        it(`\`${script}\` is ${outcome}`, async () => {
            const { told } = await run(script, { timeout_s: '1' });
            assert.match(told, new RegExp(`^(messagerie: )?${outcome}`), told);
        });

    it('is told where the program is missing', async () => {
        assert.match((await send({ url: 'sendmail:/nowhere/sendmail' })).told, /^messagerie: misconfigured: \/nowhere/);
    });
});
