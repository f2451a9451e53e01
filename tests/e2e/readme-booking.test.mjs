// The README's three ways from a booking site, taken out of it and run as they stand there: the calls
// with curl and a spooled file in a shell, and the code for Node and (where there is one) for PHP.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { messagerie } from './harness/admin.mjs';
import { SOURCE } from './harness/project.mjs';
import { describeStack } from './harness/stack.mjs';
import { Spool } from './harness/spool.mjs';

const SECTION = /## From the booking site\n(.*?)\n## /s.exec(readFileSync(join(SOURCE, 'README.md'), 'utf8'))[1];
const LINES_MAX = 15;
const CALLS = 20;

function example(language) {
    const [, code] = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(SECTION);
    return code;
}

function run(file, args, environment) {
    return new Promise((resolve) => {
        execFile(file, args, { env: { PATH: process.env.PATH, ...environment } },
            (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
    });
}

function hasPhp() {
    try {
        execFileSync('php', ['-v']);
        return true;
    } catch {
        return false;
    }
}

/** Programs that say what happened to appointments: argument 1 is a JSON array of changes. */
const SITES = {
    js: {
        file: 'site.mjs',
        command: process.execPath,
        program: (code) => `${code}\nJSON.parse(process.argv[2]).forEach(tellMessagerie);\nconsole.log('served');\n`,
    },
    php: {
        file: 'site.php',
        command: 'php',
        program: (code) => `<?php\n${code}\nforeach (json_decode($argv[1], true) as $change) {\n`
            + '    tell_messagerie($change);\n}\necho "served\\n";\n',
    },
};

describeStack('the README\'s booking examples', {}, ({ stack, test }) => {
    let spools = 0;

    /** A spool of its own for each test. */
    function makeSpool() {
        const folder = join(stack.folder, `booking-${++spools}`);
        mkdirSync(folder);
        return new Spool({ ...stack, folder });
    }

    async function apply(spool) {
        const { code, stderr } = await messagerie(stack, 'spool', spool.folder, '--once');
        assert.equal(code, 0, stderr);
        assert.deepEqual(spool.waiting(), []);
        assert.deepEqual(spool.refused(), []);
    }

    async function textsOf(appointmentId) {
        const rows = await stack.database.sql(`SELECT m.content FROM messages m JOIN conversations c
            ON c.id = m.conversation_id WHERE c.appointment_id = '${appointmentId}' ORDER BY m.position`);
        return rows.map(({ content }) => /attente|confirmé|annulé/.exec(content)[0]);
    }

    test('the calls and the file, in a shell', async () => {
        const spool = makeSpool();
        const { code, stdout, stderr } = await run('sh', ['-e', '-u', '-c', example('sh')], {
            URL: `http://127.0.0.1:${stack.port}/messaging`,
            BOOKING: stack.person('service').token,
            DIR: spool.folder,
        });
        assert.equal(code, 0, stderr);
        assert.match(stdout, /"appointmentId":"42"/);
        assert.doesNotMatch(stdout, /statusCode/);
        await apply(spool);
        assert.deepEqual(await textsOf('42'), ['attente', 'confirmé', 'annulé']);
    });

    for (const [language, { file, command, program }] of Object.entries(SITES)) {
        const skip = language === 'php' && !hasPhp() && 'there is no php here';

        test(`the code, ${language}: files that are applied in its order, and it fails for nobody`, async () => {
            const code = example(language);
            assert.ok(code.trimEnd().split('\n').length <= LINES_MAX, `more than ${LINES_MAX} lines`);
            const path = join(stack.folder, file);
            writeFileSync(path, program(code));
            const spool = makeSpool();
            const tell = (changes, folder = spool.folder) =>
                run(command, [path, JSON.stringify(changes)], { MESSAGERIE_SPOOL: folder });

            const ids = Array.from({ length: CALLS }, (_, index) => `${language}-${index}`);
            const booked = ids.map((appointmentId) => ({
                appointmentId, salonId: 'studio', clientUserId: 'lea', prestation: 'Tatouage « été »',
                start: '2026-03-12T14:30:00+01:00', status: 'PENDING', version: 1, client: { firstName: 'Léa' },
            }));
            const changed = ['CONFIRMED', 'CANCELLED'].flatMap((status, index) =>
                ids.map((appointmentId) => ({ appointmentId, status, version: index + 2 })));
            // Two processes, as two requests to the site would be.
            for (const changes of [booked, changed]) {
                const { stdout, stderr } = await tell(changes);
                assert.deepEqual([stdout, stderr], ['served\n', '']);
            }
            assert.equal(spool.waiting().length, booked.length + changed.length);
            await apply(spool);
            for (const id of ids)
                assert.deepEqual(await textsOf(id), ['attente', 'confirmé', 'annulé']);

            const away = await tell(booked.slice(0, 1), join(stack.folder, 'no-such-folder'));
            assert.deepEqual([away.code, away.stdout], [0, 'served\n']);
            assert.match(away.stderr, new RegExp(`messagerie was not told:? ${ids[0]}`));
        }, { skip });
    }
});
