// Some forty requests that touch every line of docs/protocol.md, "Endpoints", once, as data: whatever
// carries requests to the programs is tested with the same ones. They build on each other, in this
// order.

import assert from 'node:assert/strict';

import {
    archivePath, conversationPath, CONVERSATIONS, markReadPath, messagePath, messagesPath, MUTE,
    mutePath, PEOPLE, PREFERENCES, readPath, searchPath, UNKNOWN_ID, UNREAD, UNREAD_TOTAL,
} from './paths.mjs';
import { bodyOf, errorOf, PICTURE } from './people.mjs';

const ALLOWED = { origin: 'https://salon.example' };
const PREFLIGHT = { ...ALLOWED, 'access-control-request-method': 'PATCH' };

const ask = (name, who, method, path, options, status, check = () => {}) =>
    ({ name, who, method, path, options, status, check });

/**
 * Each: name; who calls (a key of `people`, undefined: nobody); method; path(known); options
 * (headers and body, or a function of `known`); the status; check(body, known, response), which
 * may also remember something in `known` for those that follow.
 */
export const SMOKE_REQUESTS = [
    ask('no token', undefined, 'GET', () => CONVERSATIONS, {}, 401),
    ask('a preflight', undefined, 'OPTIONS', () => CONVERSATIONS, { headers: PREFLIGHT }, 204,
        (body, known, { headers }) =>
            assert.equal(headers['access-control-allow-origin'], ALLOWED.origin)),
    ask('an empty list', 'salon', 'GET', () => CONVERSATIONS, {}, 200,
        (body) => assert.deepEqual(body,
            { data: [], total: 0, page: 1, limit: 20, totalPages: 0 })),
    ask('the client makes itself known', 'client', 'GET', () => UNREAD_TOTAL, {}, 200,
        (body) => assert.deepEqual(body, { totalUnread: 0 })),
    ask('nobody to write to', 'salon', 'GET', () => `${PEOPLE}?limit=5`, {}, 200,
        (body) => assert.deepEqual(body, { data: [], hasMore: false })),
    ask('nothing to find', 'salon', 'GET', () => searchPath('é'), {}, 200,
        (body) => assert.deepEqual(body,
            { data: [], page: 1, limit: 20, hasMore: false, isComplete: true })),
    ask('an unknown route', 'salon', 'GET', () => '/messaging/nothing', {}, 404),
    ask('a wrong method', 'salon', 'PUT', () => CONVERSATIONS, { body: {} }, 405,
        (body, known, { headers }) => assert.match(headers.allow, /\bPOST\b/)),
    ask('a client may not open', 'client', 'POST', () => CONVERSATIONS, { body: {} }, 403),
    ask('a conversation without a client', 'salon', 'POST', () => CONVERSATIONS, { body: {} }, 400,
        ({ message }) => assert.match(message[0], /^clientUserId:/)),
    ask('a conversation with nobody', 'salon', 'POST', () => CONVERSATIONS,
        { body: { clientUserId: 'nobody' } }, 404),
    ask('an unknown appointment', 'salon', 'POST', () => CONVERSATIONS,
        ({ clientId }) => ({ body: { clientUserId: clientId, appointmentId: 'none' } }), 404),
    ask('a conversation', 'salon', 'POST', () => CONVERSATIONS,
        ({ clientId }) => ({
            body: { clientUserId: clientId, subject: 'Première séance', firstMessage: 'Bonjour !' },
        }), 201,
        (body, known) => {
            known.conversation = body.id;
            known.system = body.lastMessage.id;
            assert.equal(body.lastMessage.type, 'SYSTEM');
        }),
    ask('it is listed', 'client', 'GET', () => `${CONVERSATIONS}?page=1&limit=5&status=ACTIVE`, {},
        200,
        ({ data, total }) => assert.deepEqual([data.length, total, data[0].unreadCount],
            [1, 1, 1])),
    ask('a wrong query', 'client', 'GET', () => `${CONVERSATIONS}?limit=101`, {}, 400),
    ask('one message is unread', 'client', 'GET', () => UNREAD_TOTAL, {}, 200,
        (body) => assert.deepEqual(body, { totalUnread: 1 })),
    ask('an outsider', 'outsider', 'GET', ({ conversation }) => conversationPath(conversation), {},
        403),
    ask('an unknown conversation', 'client', 'GET', () => conversationPath(UNKNOWN_ID), {}, 404),
    ask('HEAD', 'client', 'HEAD', ({ conversation }) => messagesPath(conversation), {}, 200),
    ask('reading it marks it', 'client', 'GET', ({ conversation }) =>
        conversationPath(conversation),
        { headers: ALLOWED }, 200,
        (body, known, { headers }) => {
            known.etag = headers.etag;
            assert.equal(body.unreadCount, 0);
            assert.equal(headers['access-control-allow-origin'], ALLOWED.origin);
        }),
    ask('not modified', 'client', 'GET', ({ conversation }) => conversationPath(conversation),
        ({ etag }) => ({ headers: { 'if-none-match': etag } }), 304),
    ask('a message', 'client', 'POST', ({ conversation }) => messagesPath(conversation),
        { body: { content: 'À quelle heure ? 😀', clientMessageId: 'key' } }, 201,
        (body, known) => {
            known.message = body;
            assert.equal(body.content, 'À quelle heure ? 😀');
        }),
    ask('its repeat', 'client', 'POST', ({ conversation }) => messagesPath(conversation),
        { body: { content: 'À quelle heure ? 😀', clientMessageId: 'key' } }, 200,
        (body, known) => assert.deepEqual(body, known.message)),
    ask('a picture', 'salon', 'POST', ({ conversation }) => messagesPath(conversation),
        { body: { type: 'IMAGE', attachments: [PICTURE] } }, 201,
        (body, known) => {
            known.picture = body.id;
            assert.equal(body.attachments[0].fileName, PICTURE.fileName);
        }),
    ask('a message of 10,000 characters', 'salon', 'POST',
        ({ conversation }) => messagesPath(conversation), { body: { content: 'é'.repeat(10_000) } },
            201),
    ask('a message that breaks rules', 'salon', 'POST',
        ({ conversation }) => messagesPath(conversation),
            { body: { content: ' ', type: 'SYSTEM' } }, 400,
        ({ message }) => assert.equal(message.length, 2)),
    ask('malformed JSON', 'salon', 'POST', ({ conversation }) => messagesPath(conversation),
        { body: '{"content":' }, 400),
    ask('a body above 256 KiB', 'salon', 'POST', ({ conversation }) => messagesPath(conversation),
        { body: 'x'.repeat(256 * 1024 + 1) }, 413),
    ask('an outsider\'s message', 'outsider', 'POST', ({ conversation }) =>
        messagesPath(conversation),
        { body: { content: 'x' } }, 403),
    ask('the unread list', 'salon', 'GET', () => UNREAD, {}, 200,
        (body) => assert.equal(body[0].unreadCount, 1)),
    ask('one message is marked', 'salon', 'PATCH', ({ message }) => readPath(message.id), {}, 200,
        (body) => assert.equal(body.isRead, true)),
    ask('a page of messages', 'client', 'GET', ({ conversation }) =>
        `${messagesPath(conversation)}?limit=2`, {}, 200,
    (body, known) => {
        known.cursor = body.nextCursor;
        assert.deepEqual([body.data.length, body.total, body.hasMore], [2, 4, true]);
        assert.ok(body.data.every(({ isRead }) => isRead));
    }),
    ask('the next by cursor', 'client', 'GET', ({ conversation, cursor }) =>
        `${messagesPath(conversation)}?limit=2&before=${cursor}`, {}, 200,
    (body, known) => assert.deepEqual(body.data.map(({ id }) => id),
        [known.message.id, known.system])),
    ask('another subject', 'client', 'PATCH', ({ conversation }) => conversationPath(conversation),
        { body: { subject: 'Autre sujet' } }, 200,
        ({ subject }) => assert.equal(subject, 'Autre sujet')),
    ask('muting', 'client', 'POST', () => MUTE,
        ({ conversation }) => ({ body: { conversationId: conversation } }), 201),
    ask('it is muted, and a mail once a day is enough', 'client', 'PATCH', () => PREFERENCES,
        { body: { emailFrequency: 'DAILY' } }, 200,
        ({ mutedConversations, emailFrequency }, { conversation }) =>
            assert.deepEqual([mutedConversations, emailFrequency], [[conversation], 'DAILY'])),
    ask('unmuting', 'client', 'DELETE', ({ conversation }) => mutePath(conversation), {}, 200),
    ask('nothing is muted', 'client', 'GET', () => PREFERENCES, {}, 200,
        ({ mutedConversations }) => assert.deepEqual(mutedConversations, [])),
    ask('a client may not archive', 'client', 'PATCH', ({ conversation }) =>
        archivePath(conversation), {}, 403),
    ask('archiving', 'salon', 'PATCH', ({ conversation }) => archivePath(conversation), {}, 204),
    ask('restoring', 'salon', 'PATCH', ({ conversation }) => conversationPath(conversation),
        { body: { status: 'ACTIVE' } }, 200, ({ status }) => assert.equal(status, 'ACTIVE')),
    ask('mark-read', 'client', 'PATCH', ({ conversation }) => markReadPath(conversation), {}, 204),
    ask('the system\'s message stays', 'salon', 'DELETE', ({ system }) => messagePath(system), {},
        403),
    ask('the author deletes', 'salon', 'DELETE', ({ picture }) => messagePath(picture), {}, 204),
    ask('the salon deletes all', 'salon', 'DELETE', ({ conversation }) =>
        conversationPath(conversation), {}, 204),
    ask('it is gone', 'client', 'GET', ({ conversation }) => messagesPath(conversation), {}, 404),
];

/** Sends one of them on a stack with these people. */
export async function checkSmokeRequest(stack, people, known,
    { who, method, path, options, status, check }) {
    const response = await stack.request({
        method,
        path: path(known),
        token: people[who]?.token,
        ...(typeof options === 'function' ? options(known) : options),
    });
    if (method === 'HEAD' || response.text === '')
        assert.equal(response.status, status);
    else if (status >= 400)
        errorOf(response, status);
    else
        bodyOf(response, status);
    check(method === 'HEAD' ? undefined : response.body, known, response);
}
