// Looking into the SQLite file from outside, with the sqlite3 command line tool.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';

const BUSY_TIMEOUT_MS = 10_000;
const END = 'end of what was asked';

/** A text as an SQL literal. */
export const quote = (text) => `'${String(text).replaceAll("'", "''")}'`;

/** A sqlite3 process that stays, as starting one takes longer than most queries. */
class Shell {
    #child;
    #chunks = []; // joined once, at the end: an answer may have many megabytes
    #tail = '';
    #last = Promise.resolve();

    constructor(path) {
        // One stream for answers and errors, so that an error comes with what caused it.
        this.#child = spawn('sh', ['-c', 'exec sqlite3 -batch -json "$0" 2>&1', path]);
        this.#child.stdout.setEncoding('utf8').on('data', (chunk) => {
            this.#chunks.push(chunk);
            this.#tail = `${this.#tail}${chunk}`.slice(-END.length - 1);
            if (this.#tail === `${END}\n`)
                this.#finish();
        });
        this.#child.stdin.on('error', () => {});
        this.closed = new Promise((resolve, reject) => {
            this.#child.on('error', reject);
            this.#child.on('close', () => {
                this.#finish();
                resolve();
            });
        });
        this.closed.catch(() => this.#finish());
        this.run(`.timeout ${BUSY_TIMEOUT_MS}`);
    }

    #finish = () => {};

    /** What one command writes. Commands run in the order in which they are given. */
    run(command) {
        const result = this.#last.then(() => this.#runNow(command));
        this.#last = result.catch(() => {});
        return result;
    }

    #runNow(command) {
        return new Promise((resolve, reject) => {
            this.#finish = () => {
                const output = this.#chunks.join('');
                this.#finish = () => {};
                this.#chunks = [];
                this.#tail = '';
                if (output.endsWith(`${END}\n`))
                    resolve(output.slice(0, -END.length - 1));
                else
                    reject(new Error(`sqlite3 has ended: ${output} (${command})`));
            };
            this.#child.stdin.write(`${command}\n.print ${END}\n`);
        });
    }

    async close() {
        this.#child.stdin.end();
        await this.closed;
    }
}

export class Database {
    #shell;

    constructor(path) {
        this.path = path;
    }

    #run(command) {
        this.#shell ??= new Shell(this.path);
        return this.#shell.run(command);
    }

    /** Lets go of the file, until the next use. */
    async close() {
        await this.#shell?.close();
        this.#shell = undefined;
    }

    /** Runs one statement and gives its rows as objects. */
    async sql(query) {
        const output = await this.#run(`${query.replaceAll('\n', ' ')};`);
        try {
            return output.trim() === '' ? [] : JSON.parse(output);
        } catch {
            throw new Error(`sqlite3: ${output} (${query})`);
        }
    }

    /** The first column of the first row. */
    async value(query) {
        const [row] = await this.sql(query);
        return row && Object.values(row)[0];
    }

    /** Runs `act` while nobody else can write. */
    async whileLocked(act) {
        await this.sql('BEGIN IMMEDIATE');
        try {
            return await act();
        } finally {
            await this.sql('ROLLBACK');
        }
    }

    /** A digest of every row of every table: equal when nothing was changed. But for the search index,
     * which follows behind. */
    async digest() {
        const rows = (await this.#run('.dump')).replace(/^INSERT INTO search_.*\n/gm, '');
        return createHash('sha256').update(rows).digest('hex');
    }

    /** Events after a number, oldest first, payloads parsed (undefined when blanked). */
    async events(afterSeq = 0) {
        const rows = await this.sql(
            `SELECT seq, audience, name, payload FROM outbox WHERE seq > ${afterSeq} ORDER BY seq`);
        return rows.map((row) => ({
            ...row,
            payload: row.payload === '' ? undefined : JSON.parse(row.payload),
        }));
    }

    async lastSeq() {
        return (await this.value('SELECT max(seq) FROM outbox')) ?? 0;
    }

    /**
     * Everything that is wrong with the file: SQLite's own checks, and every maintained number
     * that differs from a recount. Empty when all is well.
     */
    async findings() {
        const found = [];
        const integrity = await this.value('PRAGMA integrity_check');
        if (integrity !== 'ok')
            found.push(`integrity_check: ${integrity}`);
        for (const [what, query] of Object.entries(MUST_BE_EMPTY))
            for (const row of await this.sql(query))
                found.push(`${what}: ${JSON.stringify(row)}`);
        return found;
    }
}

const UNREAD_BY = `SELECT count(*) FROM messages m JOIN conversations c ON c.id = m.conversation_id
    WHERE m.conversation_id = p.conversation_id AND m.read_at IS NULL
    AND m.sender_id <> p.user_id`;
const CONVERSATIONS_OF = (status) => `SELECT count(*) FROM conversations c
    WHERE (c.salon_id = u.id OR c.client_user_id = u.id) AND c.status = '${status}'`;

const MUST_BE_EMPTY = {
    'foreign_key_check': 'PRAGMA foreign_key_check',
    'participants.unread_count differs from a recount':
        `SELECT p.*, (${UNREAD_BY}) AS recount FROM participants p WHERE unread_count <> recount`,
    'users.unread_total differs from a recount':
        `SELECT u.id, unread_total, (SELECT coalesce(sum(unread_count), 0) FROM participants p
         WHERE p.user_id = u.id) AS recount FROM users u WHERE unread_total <> recount`,
    'users.active_count differs from a recount':
        `SELECT u.id, active_count, (${CONVERSATIONS_OF('ACTIVE')}) AS recount FROM users u
         WHERE active_count <> recount`,
    'users.archived_count differs from a recount':
        `SELECT u.id, archived_count, (${CONVERSATIONS_OF('ARCHIVED')}) AS recount FROM users u
         WHERE archived_count <> recount`,
    'conversations.message_count differs from a recount':
        `SELECT c.id, message_count, (SELECT count(*) FROM messages m
         WHERE m.conversation_id = c.id) AS recount FROM conversations c
         WHERE message_count <> recount AND c.status <> 'DELETED'`,
    'conversations.last_position is below a position in use':
        `SELECT c.id FROM conversations c WHERE last_position < (SELECT coalesce(max(position), 0)
         FROM messages m WHERE m.conversation_id = c.id)`,
    'a conversation lacks a participant, or has one too many':
        `SELECT c.id, (SELECT count(*) FROM participants p WHERE p.conversation_id = c.id) AS n
         FROM conversations c WHERE n <> 2 AND c.status <> 'DELETED'`,
    'participants differ from their conversation':
        `SELECT p.* FROM participants p JOIN conversations c ON c.id = p.conversation_id
         WHERE p.status <> c.status OR p.last_message_at <> c.last_message_at
         OR p.last_message_seq <> c.last_message_seq`,
    'messages.attachment_count differs from a recount':
        `SELECT m.id FROM messages m WHERE attachment_count <> (SELECT count(*) FROM attachments a
         WHERE a.conversation_id = m.conversation_id AND a.position = m.position)`,
    'the outbox has a gap':
        `SELECT seq FROM outbox o WHERE seq > (SELECT min(seq) FROM outbox)
         AND NOT EXISTS (SELECT 1 FROM outbox p WHERE p.seq = o.seq - 1)`,
};
