// The data that the REST areas work on, as SQL: one salon, a client for each of its conversations,
// one large conversation and many small ones. Every fourth small one has an unread message. The
// counts that the programs maintain are all there, so that `messagerie verify` finds nothing.

export const SALON = 'bench-salon';
/** Who is asked to write: this many conversations, spread over the file. */
export const WRITTEN_CONVERSATIONS = 64;
const DIGITS = 12;
// Identifiers that sort before all that are made from now on.
const CONVERSATION_PREFIX = '01000000-0000-7000-8000-';
const MESSAGE_PREFIX = '01000000-0000-7000-9000-';
const FIRST_TIME_MS = 1_750_000_000_000;

/** What the two databases write differently. */
export const SQLITE = {
    pad: (number) => `printf('%0${DIGITS}d', ${number})`,
    series: (name, count) => `(WITH RECURSIVE numbers(${name}) AS (SELECT 1 UNION ALL
        SELECT ${name} + 1 FROM numbers WHERE ${name} < ${count}) SELECT ${name} FROM numbers)`,
};
export const POSTGRESQL = {
    pad: (number) => `lpad((${number})::text, ${DIGITS}, '0')`,
    series: (name, count) => `(SELECT ${name} FROM generate_series(1, ${count}) AS ${name}) AS s_${name}`,
};

/**
 * A size: `large` messages in conversation 0, `small` (an even number) in each of the others, up
 * to `conversations` in all.
 */
export function describeSize({ large, conversations, small }) {
    return `${large}-${conversations}-${small}`;
}

export const messageCount = ({ large, conversations, small }) =>
    large + (conversations - 1) * small;

const padded = (number) => String(number).padStart(DIGITS, '0');
export const conversationId = (index) => CONVERSATION_PREFIX + padded(index);
export const clientId = (index) => `bench-client-${padded(index)}`;

/** Indexes of the conversations that are written to: never the large one. */
export function writtenConversations({ conversations }) {
    const count = Math.min(WRITTEN_CONVERSATIONS, conversations - 1);
    return Array.from({ length: count },
        (_, i) => 1 + Math.floor(i * (conversations - 1) / count));
}

const CONTENT = 'Bonjour, est-ce que la semaine prochaine, jeudi vers quinze heures, irait pour vous ? '
    + 'Merci beaucoup et à bientôt, toute l équipe. ';

// Conversation `c` counts from 1 here, and is number c - 1.
const UNREAD = 'CASE WHEN c % 4 = 2 THEN 1 ELSE 0 END';

/** Statements that insert the people and conversations, with `small` or `large` as counted. */
function peopleSql({ large, conversations, small }, { pad, series }) {
    const count = `CASE WHEN c = 1 THEN ${large} ELSE ${small} END`;
    const time = `${FIRST_TIME_MS} + (c - 1) * 2000 + ${count}`;
    const conversation = `'${CONVERSATION_PREFIX}' || ${pad('c - 1')}`;
    const client = `'bench-client-' || ${pad('c - 1')}`;
    const unreadTotal = Math.floor((conversations + 2) / 4);
    return `
INSERT INTO users (id, role, salon_name, unread_total, active_count, created_at, updated_at)
VALUES ('${SALON}', 'salon', 'Studio Encre', ${unreadTotal}, ${conversations}, 0, 0);
INSERT INTO users (id, role, first_name, last_name, active_count, created_at, updated_at)
SELECT ${client}, 'client', 'Léa', 'Martin', 1, 0, 0 FROM ${series('c', conversations)};
INSERT INTO conversations (id, salon_id, client_user_id, subject, status, message_count,
    last_position, created_at, updated_at, last_message_at)
SELECT ${conversation}, '${SALON}', ${client}, 'Tatouage numéro ' || c, 'ACTIVE', ${count}, ${count},
    ${FIRST_TIME_MS}, ${time}, ${time} FROM ${series('c', conversations)};
INSERT INTO participants (user_id, conversation_id, is_salon, status, last_message_at, unread_count)
SELECT ${client}, ${conversation}, 0, 'ACTIVE', ${time}, 0 FROM ${series('c', conversations)};
INSERT INTO participants (user_id, conversation_id, is_salon, status, last_message_at, unread_count)
SELECT '${SALON}', ${conversation}, 1, 'ACTIVE', ${time}, ${UNREAD}
FROM ${series('c', conversations)};`;
}

const MESSAGE_COLUMNS = 'conversation_id, position, id, sender_id, type, content, created_at, read_at';

/** Odd positions are the salon's, even ones the client's. */
function messagesSql({ large, conversations, small }, { pad, series }) {
    const sender = (client) => `CASE WHEN p % 2 = 1 THEN '${SALON}' ELSE ${client} END`;
    return `
INSERT INTO messages (${MESSAGE_COLUMNS})
SELECT '${conversationId(0)}', p, '${MESSAGE_PREFIX}' || ${pad('p')}, ${sender(`'${clientId(0)}'`)},
    'TEXT', '${CONTENT}' || p, ${FIRST_TIME_MS} + p, ${FIRST_TIME_MS} FROM ${series('p', large)};
INSERT INTO messages (${MESSAGE_COLUMNS})
SELECT '${CONVERSATION_PREFIX}' || ${pad('c - 1')}, p,
    '${MESSAGE_PREFIX}' || ${pad(`${large} + c * ${small} + p`)},
    ${sender(`'bench-client-' || ${pad('c - 1')}`)}, 'TEXT', '${CONTENT}' || p,
    ${FIRST_TIME_MS} + (c - 1) * 2000 + p,
    CASE WHEN p = ${small} AND c % 4 = 2 THEN NULL ELSE ${FIRST_TIME_MS} END
FROM ${series('c', conversations)} CROSS JOIN ${series('p', small)} WHERE c > 1 ORDER BY c, p;`;
}

/** All of it in one transaction. */
export function fillSql(size, dialect) {
    return `BEGIN;${peopleSql(size, dialect)}${messagesSql(size, dialect)}\nCOMMIT;\n`;
}
