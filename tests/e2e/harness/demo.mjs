// `./bootstrap run --demo`, as somebody who tries it would start it, and what its people can do
// without a page.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort, sendRequest } from './http.mjs';
import { APPOINTMENTS, appointmentPath, CONVERSATIONS, messagesPath } from './paths.mjs';
import { childrenOf, processesNaming, Program } from './program.mjs';
import { BUILD, SOURCE } from './project.mjs';

const PAGE_LIMIT = 100;
const POSTS_AT_ONCE = 16;

// Names of the processes, as the kernel cuts them off.
export const BROKER = 'messagerie-brok';
export const MESSAGES = 'messages.fcgi';
export const CONVERSATIONS_PROGRAM = 'conversations.f';

export const SALON = 'demo-atelier';
export const CLIENT = 'demo-lea';

function succeeded(response) {
    assert.equal(Math.floor(response.status / 100), 2, response.text);
    return response.body;
}

export class Demo {
    #agent = new http.Agent({ keepAlive: true, maxSockets: POSTS_AT_ONCE });
    #bookings = 0;

    constructor({ environment = {}, args = ['--demo'] } = {}) {
        this.environment = environment;
        this.args = args;
    }

    async start() {
        this.folder ??= mkdtempSync(join(tmpdir(), 'demo-'));
        chmodSync(this.folder, 0o755); // for whom root hands everything over to
        this.data = join(this.folder, 'data');
        this.port ??= await freePort();
        this.origin = `http://127.0.0.1:${this.port}`;
        this.bootstrap = new Program({
            name: 'bootstrap',
            command: [join(SOURCE, 'bootstrap'), 'run', '--port', String(this.port),
                '--data', this.data, ...this.args],
            environment: { MESSAGERIE_BUILD: BUILD, HOME: process.env.HOME, ...this.environment },
        });
        await this.bootstrap.start(() =>
            this.bootstrap.log.includes(`\nmessagerie is ready on ${this.origin}/\n`));
        const answer = await this.request({ path: '/demo/people.json' });
        this.people = answer.status === 200 ? answer.body.people : [];
    }

    async stop() {
        this.#agent.destroy();
        try {
            if (this.bootstrap?.wasStarted)
                await this.bootstrap.stop();
        } finally {
            for (const line of this.folder ? processesNaming(this.folder) : [])
                process.kill(Number.parseInt(line), 'SIGKILL');
            if (this.folder)
                rmSync(this.folder, { recursive: true, force: true });
            this.folder = undefined;
        }
    }

    get brokerPid() {
        return childrenOf(this.bootstrap.pid)[BROKER];
    }

    /** Ends a program as a crash would; bootstrap starts it again. */
    kill(name) {
        process.kill(childrenOf(this.bootstrap.pid)[name], 'SIGKILL');
    }

    person(id) {
        const person = this.people.find((one) => one.id === id);
        assert.ok(person, `${id} is not in the demo`);
        return person;
    }

    request(options) {
        return sendRequest({ port: this.port, agent: this.#agent, ...options });
    }

    /** A request of one of the people, which must succeed; gives the body of the answer. */
    async ask(personId, method, path, body) {
        return succeeded(await this.request(
            { method, path, body, token: this.person(personId).token }));
    }

    /** The administration tool that `run` has written; gives what it printed. */
    async tool(...args) {
        const tool = new Program({ name: 'messagerie', command: [join(this.data, 'messagerie'), ...args] });
        await tool.start(() => false).catch(() => {});
        assert.equal(tool.exit.code, 0, tool.log);
        return tool.log.trim();
    }

    // ---- what the booking site does ----

    async #asBooking(method, path, body) {
        this.bookingToken ??= await this.tool('token', 'booking', '--role', 'service');
        return succeeded(await this.request({ method, path, body, token: this.bookingToken }));
    }

    /** A new conversation of the two, {id, appointmentId, subject}. */
    async book({ salon = SALON, client = CLIENT, prestation = 'Essai' } = {}) {
        const appointmentId = `test-${++this.#bookings}`;
        return this.#asBooking('POST', APPOINTMENTS, {
            appointmentId, salonId: salon, clientUserId: client, status: 'CONFIRMED', version: 1,
            prestation: `${prestation} ${this.#bookings}`, start: '2027-03-12T14:30:00+01:00',
        });
    }

    cancel(conversation) {
        return this.#asBooking('PATCH', appointmentPath(conversation.appointmentId),
            { status: 'CANCELLED', version: 2 });
    }

    // ---- messages ----

    say(personId, conversationId, content, fields = {}) {
        return this.ask(personId, 'POST', messagesPath(conversationId), { content, ...fields });
    }

    /** Many at once, in whatever order they arrive. */
    async sayMany(conversationId, count, authors = [SALON, CLIENT]) {
        let next = 0;
        await Promise.all(Array.from({ length: POSTS_AT_ONCE }, async () => {
            for (let number = ++next; number <= count; number = ++next)
                await this.say(authors[number % authors.length], conversationId, `Message ${number}`);
        }));
    }

    /** All of a conversation, oldest first. */
    async messages(personId, conversationId) {
        const messages = [];
        for (let page = 1, more = true; more; page++) {
            const { data, hasMore } = await this.ask(personId, 'GET',
                `${messagesPath(conversationId)}?limit=${PAGE_LIMIT}&page=${page}`);
            messages.push(...data);
            more = hasMore;
        }
        return messages.reverse();
    }

    async conversations(personId) {
        const { data } = await this.ask(personId, 'GET', `${CONVERSATIONS}?limit=${PAGE_LIMIT}`);
        return data;
    }
}
