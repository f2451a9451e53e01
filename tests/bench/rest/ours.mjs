// Messagerie as one runs it: nginx, the programs, the broker, on a file full of messages.

import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { freePort, isListening } from '../../e2e/harness/http.mjs';
import { BUILD } from '../../e2e/harness/project.mjs';
import { renderConfiguration } from '../../e2e/harness/stack.mjs';
import { SECRET } from '../lib/people.mjs';
import { copyFilled } from './database.mjs';
import { WebContestant } from './web.mjs';

const PROGRAMS = ['conversations', 'messages'];
const UNLIMITED = 1_000_000;

export class OurSite extends WebContestant {
    constructor(size, name = 'ours') {
        super(name, ['nginx']);
        this.size = size;
    }

    async start() {
        this.makeFolder();
        mkdirSync(this.socketFolder);
        copyFilled(this.size, join(this.folder, 'messagerie.db'));
        this.environment = { MESSAGERIE_CONFIG: join(this.folder, 'messagerie.conf') };
        writeFileSync(this.environment.MESSAGERIE_CONFIG, await this.#configuration());
        await this.startNginx();
        this.broker = await this.spawn('broker', join(BUILD, 'messagerie-broker'), [],
            this.environment, () => isListening(this.socket('broker')));
        this.programs = [];
        for (const name of PROGRAMS)
            this.programs.push(await this.spawn(name, join(BUILD, `${name}.fcgi`), [],
                this.environment, () => isListening(this.socket(name))));
    }

    async #configuration() {
        const bus = `ipc://${this.socketFolder}/bus.ipc`;
        return renderConfiguration({
            auth: { jwt_secret: SECRET },
            database: { path: join(this.folder, 'messagerie.db') },
            fastcgi: {
                ...Object.fromEntries(PROGRAMS.map((name) => [`${name}_socket`, this.socket(name)])),
                writes_per_second: UNLIMITED,
                write_burst: UNLIMITED,
                reads_per_second: UNLIMITED,
                read_burst: UNLIMITED,
            },
            bus: { brokers: bus },
            broker: {
                listen: `unix:${this.socket('broker')}`,
                internal_listen: `127.0.0.1:${await freePort()}`,
                bus_address: bus,
                events_per_second: UNLIMITED,
                event_burst: UNLIMITED,
            },
            log: { level: 'warning' },
        });
    }

    /** How long the database's log is. */
    logBytes() {
        return statSync(join(this.folder, 'messagerie.db-wal'), { throwIfNoEntry: false })?.size ?? 0;
    }

    processes() {
        return {
            program: this.programs.map(({ pid }) => pid),
            ...super.processes(),
            broker: [this.broker.pid],
        };
    }
}
