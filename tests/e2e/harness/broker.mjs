// The stack with a broker behind the same nginx, and browser tabs that talk to it through the
// official socket.io-client.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import newest from 'socket.io-client';
import client40 from 'socket.io-client-4.0';
import client45 from 'socket.io-client-4.5';

import { until } from './conditions.mjs';
import { isListening, sendRequest } from './http.mjs';
import { Program } from './program.mjs';
import { BUILD } from './project.mjs';
import { Stack } from './stack.mjs';

export const CLIENTS = { newest, 4.5: client45, '4.0': client40 };
export const TRANSPORTS = { websocket: ['websocket'], polling: ['polling'], default: undefined };
export const NAMESPACE = '/messaging';

const ANSWER_LIMIT_MS = 60_000;
const RECONNECTION_MS = 50;

/** The number of an event, of its offset. */
export const seqOf = (offset) => parseInt(offset, 10);

/** The official client, as a page of this origin would use it. */
function connectClient(io, port, token, { transports, path } = {}) {
    return io(`http://127.0.0.1:${port}${NAMESPACE}`, {
        auth: { token },
        transports,
        path,
        forceNew: true,
        reconnectionDelay: RECONNECTION_MS,
        reconnectionDelayMax: RECONNECTION_MS * 4,
        autoConnect: false,
    });
}

/** One page of somebody: records all events in order, and all bytes. */
export class Tab {
    constructor(stack, person, { client = 'newest', transports, token, port } = {}) {
        this.person = person;
        this.events = [];
        this.bytes = '';
        this.errors = [];
        this.errorData = [];
        this.connects = [];
        this.socket = connectClient(CLIENTS[client], port ?? stack.port, token ?? person.token,
            { transports });
        this.socket.onAny((name, payload, offset) =>
            this.events.push({ name, payload, offset, at: Date.now() }));
        this.socket.on('connect', () => this.connects.push(this.socket.recovered === true));
        this.socket.on('connect_error', (error) => {
            this.errors.push(error.message);
            this.errorData.push(error.data);
        });
        this.socket.on('disconnect', (reason) => { this.reason = reason; });
        this.socket.io.on('open', () => this.#record());
    }

    #record() {
        this.socket.io.engine.on('packet', ({ data }) => { this.bytes += `${data ?? ''}\n`; });
    }

    /** Connects, and waits until the first count has come. */
    async open() {
        const before = this.connects.length;
        this.socket.connect();
        await until(`${this.person.id} is connected`, () => this.connects.length > before);
        if (!this.connects.at(-1))
            await this.next('unread-count-updated');
        return this;
    }

    close() {
        this.socket.disconnect();
    }

    /** Breaks the connection as a network would: no DISCONNECT packet. */
    cut() {
        this.socket.io.engine.close();
    }

    /** Emits with an acknowledgement and gives it. */
    ask(name, ...payload) {
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error(`no acknowledgement of ${name}`)),
                ANSWER_LIMIT_MS);
            this.socket.emit(name, ...payload, (answer) => {
                clearTimeout(timer);
                resolve(answer);
            });
        });
    }

    /** The same, which must succeed. */
    async do(name, ...payload) {
        const answer = await this.ask(name, ...payload);
        assert.equal(answer.status, 'ok', JSON.stringify(answer));
        return answer;
    }

    /** The same, which must be refused, with the event `error` too; gives the message. */
    async refused(name, ...payload) {
        const before = this.all('error').length;
        const answer = await this.ask(name, ...payload);
        assert.equal(answer.status, 'error', JSON.stringify(answer));
        const error = await this.next('error', (_, index) => index >= before);
        assert.equal(error.message, answer.message);
        return answer.message;
    }

    join(conversationId) {
        return this.do('join-conversation', { conversationId });
    }

    /** The payloads of the events of that name, in order. */
    all(name) {
        return this.events.filter((event) => event.name === name).map((event) => event.payload);
    }

    names() {
        return this.events.map((event) => event.name);
    }

    forget() {
        this.events = [];
        this.bytes = '';
    }

    /** Waits for an event of that name for whose payload the test holds, and gives it. */
    async next(name, test = () => true) {
        let found;
        await until(`${this.person.id} gets ${name}; has ${this.names()}`, () => {
            found = this.all(name).find(test);
            return found !== undefined;
        });
        return found;
    }
}

export class BrokerStack extends Stack {
    #config;
    #tabs = new Set();

    constructor(options = {}) {
        super(options);
        this.#config = options.config ?? {};
    }

    get brokerSocket() {
        return join(this.socketFolder, 'broker.sock');
    }

    get internalSocket() {
        return join(this.socketFolder, 'internal.sock');
    }

    configure(changes = {}) {
        const bus = `ipc://${this.socketFolder}/bus.ipc`;
        super.configure({
            ...changes,
            bus: { brokers: bus, ...this.#config.bus, ...changes.bus },
            broker: {
                listen: `unix:${this.brokerSocket}`,
                internal_listen: `unix:${this.internalSocket}`,
                bus_address: bus,
                ...this.#config.broker,
                ...changes.broker,
            },
        });
    }

    async start() {
        await super.start();
        this.broker = new Program({
            name: 'broker',
            command: [join(BUILD, 'messagerie-broker')],
            environment: { MESSAGERIE_CONFIG: this.configuration },
        });
        await this.startBroker();
    }

    startBroker() {
        return this.broker.start(() => isListening(this.brokerSocket));
    }

    get log() {
        return super.log + (this.broker?.log ?? '');
    }

    async stop() {
        for (const tab of this.#tabs)
            tab.close();
        const exit = this.broker?.wasStarted ? await this.broker.stop() : undefined;
        await super.stop();
        if (exit)
            assert.deepEqual(exit, { code: 0, signal: null }, this.broker.log);
    }

    tab(person, options) {
        const tab = new Tab(this, person, options);
        this.#tabs.add(tab);
        return tab;
    }

    openTab(person, options) {
        return this.tab(person, options).open();
    }

    internal(path) {
        return sendRequest({ socketPath: this.internalSocket, path });
    }

    /** The value of a counter or gauge, with its labels as they are written. */
    async metric(name) {
        const page = await this.internal('/metrics');
        const line = page.text.split('\n').find((text) => text.startsWith(`messagerie_broker_${name} `));
        assert.ok(line, `no metric ${name} in ${page.text}`);
        return Number(line.split(' ').at(-1));
    }
}

/** As describeStack, with a broker. */
export function describeBroker(name, options, define) {
    describe(name, () => {
        const stack = new BrokerStack(options);
        before(() => stack.start());
        after(() => stack.stop());
        const test = (title, ...rest) => it(title, rest.length > 1 ? rest[0] : {}, async () => {
            const body = rest.at(-1);
            const logged = stack.broker.log.length;
            try {
                await body();
            } catch (error) {
                process.stderr.write(`--- ${title}: what the broker wrote\n`
                    + `${stack.broker.log.slice(logged)}---\n`);
                throw error;
            }
        });
        define({ stack, test });
    });
}
