// Messagerie as a contestant: its broker, with a database of its own and people in it.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { freePort, isListening } from '../../e2e/harness/http.mjs';
import { PROGRAMS } from '../../e2e/harness/paths.mjs';
import { BUILD } from '../../e2e/harness/project.mjs';
import { renderConfiguration } from '../../e2e/harness/stack.mjs';
import { Contestant, makeFolder, removeFolder, SERVER_CPU, spawnPinned }
    from './contestant.mjs';
import { SECRET, userId, writeIdentities } from './people.mjs';

const SOCKETS_MAX = 20_000;
const SOCKETS_OF_USER_MAX = 65_535;

/** The people and their conversations, known since long. */
const peopleSql = (count) => `
PRAGMA synchronous = OFF;
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count - 1})
    INSERT INTO users (id, role, active_count, created_at, updated_at)
    SELECT 'u' || i, CASE i % 2 WHEN 0 THEN 'salon' ELSE 'client' END, 1, 0, 0 FROM n;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count / 2 - 1})
    INSERT INTO conversations (id, salon_id, client_user_id, status, created_at, updated_at,
        last_message_at)
    SELECT printf('01890000-0000-7000-8000-%012d', i), 'u' || (2 * i), 'u' || (2 * i + 1),
        'ACTIVE', 0, 0, 0 FROM n;
INSERT INTO participants (user_id, conversation_id, is_salon, status, last_message_at)
    SELECT salon_id, id, 1, status, 0 FROM conversations;
INSERT INTO participants (user_id, conversation_id, is_salon, status, last_message_at)
    SELECT client_user_id, id, 0, status, 0 FROM conversations;
COMMIT;`;

export class Ours extends Contestant {
    /** `people`: how many there are, an even number; `onUnixSocket`: the broker listens where a
     * web server expects it, not on a port; `settings` of the broker beside those of the bench. */
    constructor({ people = 2, onUnixSocket = false, name = 'ours', settings = {} } = {}) {
        super(name);
        this.people = people;
        this.onUnixSocket = onUnixSocket;
        this.settings = settings;
    }

    get socketFolder() {
        return join(this.folder, 'run');
    }

    file(name) {
        return join(this.folder, name);
    }

    async start() {
        this.folder = makeFolder();
        mkdirSync(this.socketFolder);
        this.target = this.onUnixSocket ? `unix:${this.socketFolder}/broker.sock`
            : `127.0.0.1:${await freePort()}`;
        this.configuration = this.file('messagerie.conf');
        await this.#configure();
        this.environment = { MESSAGERIE_CONFIG: this.configuration };
        execFileSync(join(BUILD, 'messagerie'), ['migrate'],
            { env: { ...process.env, ...this.environment }, stdio: ['ignore', 'ignore', 'pipe'] });
        execFileSync('sqlite3', ['-bail', this.file('messagerie.db')],
            { input: peopleSql(this.people), stdio: ['pipe', 'ignore', 'inherit'] });
        this.broker = await spawnPinned(SERVER_CPU, join(BUILD, 'messagerie-broker'), [],
            this.environment, { name: 'broker', isReady: () => isListening(this.#address()) });
    }

    async #configure() {
        const bus = `ipc://${this.socketFolder}/bus.ipc`;
        this.internalPort = await freePort();
        writeFileSync(this.configuration, renderConfiguration({
            auth: { jwt_secret: SECRET },
            database: { path: this.file('messagerie.db') },
            fastcgi: Object.fromEntries(PROGRAMS.map((name) =>
                [`${name}_socket`, join(this.socketFolder, `${name}.sock`)])),
            bus: { brokers: bus },
            broker: {
                listen: this.target,
                internal_listen: `127.0.0.1:${this.internalPort}`,
                bus_address: bus,
                max_connections: SOCKETS_MAX,
                max_connections_per_user: SOCKETS_OF_USER_MAX,
                ...this.settings,
            },
            log: { level: 'warning' },
        }));
    }

    #address() {
        return this.onUnixSocket ? this.target.slice('unix:'.length)
            : Number(this.target.split(':')[1]);
    }

    pids() {
        return [this.broker.pid];
    }

    /** The value of one of the broker's metrics. */
    async metric(name) {
        const answer = await fetch(`http://127.0.0.1:${this.internalPort}/metrics`);
        return Number(new RegExp(`^messagerie_broker_${name} (.*)$`, 'm').exec(await answer.text())[1]);
    }

    async stop() {
        if (this.broker?.isRunning)
            await this.broker.kill(); // clients that stay need no farewell
        removeFolder(this.folder);
    }

    /** For bench_sockets: clients that are these people, in turn. */
    clientArguments(numbers, options) {
        return {
            target: this.target,
            path: '/socket.io/?EIO=4&transport=websocket',
            protocol: 'socketio',
            identities: writeIdentities(this.file('identities'), numbers, options),
        };
    }

    /** All clients are tabs of one salon, to whose sockets the messages go. Not a room: whoever
     * joins one is announced to all who are there. */
    fanoutArguments() {
        return {
            ...this.clientArguments([0], { joins: false }),
            publish: `outbox:${this.configuration},${userId(0)}`,
        };
    }
}
