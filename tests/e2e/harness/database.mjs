// Looking into the SQLite file from outside, with the sqlite3 command line tool.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';

const BUSY_TIMEOUT_MS = 10_000;
const OUTPUT_MAX_BYTES = 256 * 1024 * 1024;
const run = promisify(execFile);

/** A text as an SQL literal. */
export const quote = (text) => `'${String(text).replaceAll("'", "''")}'`;

export class Database {
    constructor(path) {
        this.path = path;
    }

    async #sqlite(options, command) {
        const { stdout } = await run('sqlite3',
            ['-batch', '-bail', ...options, '-cmd', `.timeout ${BUSY_TIMEOUT_MS}`, this.path, command],
            { maxBuffer: OUTPUT_MAX_BYTES });
        return stdout;
    }

    /** Runs one statement and gives its rows as objects. */
    async sql(query) {
        const output = await this.#sqlite(['-json'], query);
        return output.trim() === '' ? [] : JSON.parse(output);
    }

    /** The first column of the first row. */
    async value(query) {
        const [row] = await this.sql(query);
        return row && Object.values(row)[0];
    }

    /** A digest of every row of every table: equal when nothing was changed. */
    async digest() {
        return createHash('sha256').update(await this.#sqlite([], '.dump')).digest('hex');
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
         WHERE message_count <> recount`,
    'conversations.last_position is below a position in use':
        `SELECT c.id FROM conversations c WHERE last_position < (SELECT coalesce(max(position), 0)
         FROM messages m WHERE m.conversation_id = c.id)`,
    'a conversation lacks a participant, or has one too many':
        `SELECT c.id, (SELECT count(*) FROM participants p WHERE p.conversation_id = c.id) AS n
         FROM conversations c WHERE n <> 2`,
    'participants differ from their conversation':
        `SELECT p.* FROM participants p JOIN conversations c ON c.id = p.conversation_id
         WHERE p.status <> c.status OR p.last_message_at <> c.last_message_at`,
    'messages.attachment_count differs from a recount':
        `SELECT m.id FROM messages m WHERE attachment_count <> (SELECT count(*) FROM attachments a
         WHERE a.conversation_id = m.conversation_id AND a.position = m.position)`,
    'the outbox has a gap':
        `SELECT seq FROM outbox o WHERE seq > (SELECT min(seq) FROM outbox)
         AND NOT EXISTS (SELECT 1 FROM outbox p WHERE p.seq = o.seq - 1)`,
};
