// Everything that one test file talks to: the programs, a web server before them, the database
// behind them, in a folder of their own.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Database, quote } from './database.mjs';
import { makeFront } from './fronts.mjs';
import { isListening, sendBytes, sendRequest } from './http.mjs';
import { CONVERSATIONS, PROGRAMS } from './paths.mjs';
import { bodyOf, Person } from './people.mjs';
import { processesNaming, Program } from './program.mjs';
import { BUILD } from './project.mjs';

const FRONT = process.env.MESSAGERIE_TEST_FRONT ?? 'nginx';
export const SECRET = 'a secret for the tests, long enough for HS256';
export const ORIGINS = ['https://salon.example', 'https://client.example'];
const SANITIZER_REPORT = /(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error: /;
const CONNECTIONS_MAX = 64;
const UNLIMITED = 1_000_000;

/** INI text of {section: {key: value}}. */
export function renderConfiguration(sections) {
    return Object.entries(sections).map(([section, keys]) =>
        [`[${section}]`, ...Object.entries(keys).map(([key, value]) => `${key} = ${value}`), '']
            .join('\n')).join('\n');
}

/** Both with the keys of the second winning, section by section. */
function mergeConfiguration(base, changes) {
    const merged = { ...base };
    for (const [section, keys] of Object.entries(changes))
        merged[section] = { ...merged[section], ...keys };
    return merged;
}

export class Stack {
    #options;
    #front;
    #agent;
    #people = 0;
    #log = '';

    /**
     * Options: `config` {section: {key: value}} on top of what the tests need; `front` the name of
     * a web server; `limitsUsers` whether the limits of a user's requests are the default ones, and
     * not so high that no test meets them; `dataFolder` an existing folder for the database; `command` (file, socket) =>
     * how to start a program whose socket somebody else makes; `prepare` (stack) => what is to be
     * done before the programs start.
     */
    constructor(options = {}) {
        this.#options = options;
        this.frontName = options.front ?? FRONT;
        this.secret = SECRET;
        this.origins = ORIGINS;
    }

    async start() {
        this.folder = mkdtempSync(join(tmpdir(), 'messagerie-'));
        this.accountFolder = join(this.folder, 'account');
        this.dataFolder = this.#options.dataFolder ?? this.accountFolder;
        this.socketFolder = join(this.folder, 'run');
        mkdirSync(this.accountFolder);
        mkdirSync(this.socketFolder);
        this.configuration = join(this.accountFolder, 'messagerie.conf');
        this.database = new Database(join(this.dataFolder, 'messagerie.db'));
        this.#front = makeFront(this.frontName);
        this.#agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });
        this.programs = this.#front.needsPrograms
            ? Object.fromEntries(PROGRAMS.map((name) => [name, this.#makeProgram(name)]))
            : {};
        this.configure();
        await this.#options.prepare?.(this);
        this.port = await this.#front.start(this);
        await this.startPrograms();
    }

    #makeProgram(name) {
        const file = join(BUILD, `${name}.fcgi`);
        return new Program({
            name,
            command: this.#options.command?.(file, this.socketOf({ name })) ?? [file],
            environment: { MESSAGERIE_CONFIG: this.configuration },
            onLog: this.addLog,
        });
    }

    socketOf(program) {
        return join(this.socketFolder, `${program.name}.sock`);
    }

    startProgram(program) {
        return program.start(() => isListening(this.socketOf(program)));
    }

    async startPrograms() {
        for (const program of Object.values(this.programs))
            await this.startProgram(program);
    }

    /** Stops the programs and lets go of the database, so that its file can be handled. */
    async stopPrograms() {
        await this.database.close();
        for (const program of Object.values(this.programs))
            await program.stop();
    }

    /** Writes the configuration file: what the tests need, the options, and these changes. */
    configure(changes = {}) {
        const base = {
            auth: { jwt_secret: this.secret },
            http: { frontend_url: ORIGINS.join(', ') },
            database: { path: this.database.path },
            fastcgi: {
                ...Object.fromEntries(PROGRAMS.map((name) =>
                    [`${name}_socket`, join(this.socketFolder, `${name}.sock`)])),
                // Tests fill threads as one person; what the limits do is budget.test.mjs's.
                ...(this.#options.limitsUsers ? {} : {
                    writes_per_second: UNLIMITED,
                    write_burst: UNLIMITED,
                    reads_per_second: UNLIMITED,
                    read_burst: UNLIMITED,
                }),
            },
            appointments: { templates: join(this.accountFolder, 'templates') },
            bus: { brokers: '' },
            metrics: { folder: this.socketFolder },
        };
        const options = mergeConfiguration(base, this.#options.config ?? {});
        writeFileSync(this.configuration,
            renderConfiguration(mergeConfiguration(options, changes)));
    }

    addLog = (text) => {
        this.#log += text;
    };

    /** What programs and web server have written, in the order in which it came. */
    get log() {
        return this.#log + (this.#front?.log ?? '');
    }

    /** Stops everything, asserts that it ended as it should and left nothing behind. */
    async stop() {
        this.#agent?.destroy();
        await this.database?.close();
        const started = Object.values(this.programs ?? {}).filter((program) => program.wasStarted);
        try {
            const exits = [await this.#front?.stop()];
            for (const program of started)
                exits.push(await program.stop());
            assert.deepEqual(exits, exits.map(() => ({ code: 0, signal: null })), this.log);
            assert.doesNotMatch(this.log, SANITIZER_REPORT);
            assert.deepEqual(processesNaming(this.folder), [], 'processes that were left running');
            if (this.#options.command === undefined)
                for (const program of started)
                    assert.ok(!existsSync(this.socketOf(program)),
                        `${program.name} left its socket`);
        } finally {
            rmSync(this.folder, { recursive: true, force: true });
        }
    }

    // ---- talking ----

    request(options) {
        return sendRequest({ port: this.port, agent: this.#agent, ...options });
    }

    sendBytes(bytes, options) {
        return sendBytes(this.port, bytes, options);
    }

    /** Somebody with a token of their own, who has not called yet. */
    person(role, claims) {
        this.#people++;
        return new Person(this, `${role}-${this.#people}`, role, claims);
    }

    /** The same, known to the directory. */
    async knownPerson(role, claims) {
        const person = this.person(role, claims);
        bodyOf(await person.get(CONVERSATIONS));
        return person;
    }

    /** The two who talk to each other. */
    async salonAndClient() {
        return {
            salon: await this.knownPerson('salon', { salonName: 'Salon des Lilas' }),
            client: await this.knownPerson('client', { firstName: 'Zoé', lastName: 'Martin' }),
        };
    }

    /** Stores an appointment, as the booking back-end would. */
    async book(salon, client, appointmentId = `appointment-${++this.#people}`) {
        await this.database.sql(`INSERT INTO appointments (id, salon_id, client_user_id, created_at)
            VALUES (${[appointmentId, salon.id, client.id].map(quote).join(', ')}, 0)`);
        return appointmentId;
    }

    /** Runs `change` and gives {result, events}: what it returned, and the events that it made. */
    async watchEvents(change) {
        const before = await this.database.lastSeq();
        const result = await change();
        return { result, events: await this.database.events(before) };
    }

    /** Asserts that nothing in the database changes while `act` runs; gives its result. */
    async assertUnchanged(act) {
        const before = await this.database.digest();
        const result = await act();
        assert.equal(await this.database.digest(), before, 'the database was changed');
        return result;
    }
}

/**
 * A suite with a stack that runs as long as it does. `define` gets {stack, test}; what the
 * programs wrote during a test is shown when it fails.
 */
export function describeStack(name, options, define) {
    describe(name, () => {
        const stack = new Stack(options);
        before(() => stack.start());
        after(() => stack.stop());
        const test = (title, body, options = {}) => it(title, options, async () => {
            const logged = stack.log.length;
            try {
                await body();
            } catch (error) {
                process.stderr.write(`--- ${title}: what the programs wrote\n`
                    + `${stack.log.slice(logged)}---\n`);
                throw error;
            }
        });
        define({ stack, test });
    });
}
