// Who may do what: every endpoint, called by everybody, with an id that exists and one that
// doesn't, checked cell by cell against the table below. Where a call is refused, nothing in the
// database may have changed.

import assert from 'node:assert/strict';

import { FORGERIES, KEYS } from './harness/forgeries.mjs';
import { publicKeyConfig } from './harness/keys.mjs';
import {
    archivePath, conversationPath, CONVERSATIONS, markReadPath, messagePath, messagesPath, MUTE,
    mutePath, PEOPLE, PREFERENCES, readPath, searchPath, UNKNOWN_ID, UNREAD, UNREAD_TOTAL,
} from './harness/paths.mjs';
import { errorOf, openConversation, send } from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';
import { usualClaims } from './harness/token.mjs';

const CALLERS = ['outsider salon', 'outsider client', 'other participant', 'owner'];

/*
 * What each endpoint answers to each of CALLERS. The owner is the salon of the conversation and the
 * author of the message, the other participant is its client.
 */
const ENDPOINTS = [
    // name, request({conversation, message, system, appointment, client}), existing, unknown
    ['POST conversations', ({ appointment, client }) =>
        ['POST', CONVERSATIONS, { clientUserId: client.id, appointmentId: appointment }],
    [404, 403, 403, 201], [404, 403, 403, 404]],
    ['GET conversations', () => ['GET', CONVERSATIONS],
        [200, 200, 200, 200], [200, 200, 200, 200]],
    ['GET people', () => ['GET', PEOPLE],
        [200, 200, 200, 200], [200, 200, 200, 200]],
    ['GET search', () => ['GET', searchPath('x')],
        [200, 200, 200, 200], [200, 200, 200, 200]],
    ['GET unread', () => ['GET', UNREAD],
        [200, 200, 200, 200], [200, 200, 200, 200]],
    ['GET unread total', () => ['GET', UNREAD_TOTAL],
        [200, 200, 200, 200], [200, 200, 200, 200]],
    ['GET preferences', () => ['GET', PREFERENCES],
        [200, 200, 200, 200], [200, 200, 200, 200]],
    ['PATCH preferences', () => ['PATCH', PREFERENCES, { emailFrequency: 'NEVER' }],
        [200, 200, 200, 200], [200, 200, 200, 200]],
    ['POST mute', ({ conversation }) => ['POST', MUTE, { conversationId: conversation }],
        [404, 404, 201, 201], [404, 404, 404, 404]],
    ['DELETE mute', ({ conversation }) => ['DELETE', mutePath(conversation)],
        [200, 200, 200, 200], [200, 200, 200, 200]],
    ['GET conversation', ({ conversation }) => ['GET', conversationPath(conversation)],
        [403, 403, 200, 200], [404, 404, 404, 404]],
    ['HEAD conversation', ({ conversation }) => ['HEAD', conversationPath(conversation)],
        [403, 403, 200, 200], [404, 404, 404, 404]],
    ['PATCH conversation (subject)', ({ conversation }) =>
        ['PATCH', conversationPath(conversation), { subject: 'Autre sujet' }],
    [403, 403, 200, 200], [404, 404, 404, 404]],
    ['PATCH conversation (status)', ({ conversation }) =>
        ['PATCH', conversationPath(conversation), { status: 'ARCHIVED' }],
    [403, 403, 403, 200], [404, 404, 404, 404]],
    ['PATCH archive', ({ conversation }) => ['PATCH', archivePath(conversation)],
        [403, 403, 403, 204], [404, 404, 404, 404]],
    ['PATCH mark-read', ({ conversation }) => ['PATCH', markReadPath(conversation)],
        [403, 403, 204, 204], [404, 404, 404, 404]],
    ['PATCH mark-as-read', ({ conversation }) =>
        ['PATCH', `${conversationPath(conversation)}/mark-as-read`],
    [403, 403, 204, 204], [404, 404, 404, 404]],
    ['DELETE conversation', ({ conversation }) => ['DELETE', conversationPath(conversation)],
        [403, 403, 403, 204], [404, 404, 404, 404]],
    ['POST message', ({ conversation }) => ['POST', messagesPath(conversation), { content: 'x' }],
        [403, 403, 201, 201], [404, 404, 404, 404]],
    ['GET messages', ({ conversation }) => ['GET', messagesPath(conversation)],
        [403, 403, 200, 200], [404, 404, 404, 404]],
    ['HEAD messages', ({ conversation }) => ['HEAD', messagesPath(conversation)],
        [403, 403, 200, 200], [404, 404, 404, 404]],
    ['PATCH message read', ({ message }) => ['PATCH', readPath(message)],
        [403, 403, 200, 200], [404, 404, 404, 404]],
    ['DELETE message', ({ message }) => ['DELETE', messagePath(message)],
        [403, 403, 403, 204], [404, 404, 404, 404]],
    ['DELETE message (SYSTEM)', ({ system }) => ['DELETE', messagePath(system)],
        [403, 403, 403, 403], [404, 404, 404, 404]],
];

const options = { config: { auth: publicKeyConfig(KEYS, 'RS256') } };

describeStack('authorization matrix', options, ({ stack, test }) => {
    /** Two participants, two outsiders, and something unread of each side's. */
    async function makeWorld() {
        const { salon, client } = await stack.salonAndClient();
        const opened = await openConversation(salon, client, { firstMessage: 'Bienvenue' });
        const message = await send(salon, opened.id);
        await send(client, opened.id);
        return {
            people: {
                'outsider salon': await stack.knownPerson('salon'),
                'outsider client': await stack.knownPerson('client'),
                'other participant': client,
                'owner': salon,
            },
            existing: {
                client,
                conversation: opened.id,
                system: opened.lastMessage.id,
                message: message.id,
                appointment: await stack.book(salon, client),
            },
            unknown: {
                client,
                conversation: UNKNOWN_ID,
                system: UNKNOWN_ID,
                message: UNKNOWN_ID,
                appointment: UNKNOWN_ID,
            },
        };
    }

    // The refused calls come first, so that all of them meet the same database; the others each
    // have a world of their own.
    for (const [name, makeRequest, ...expected] of ENDPOINTS)
        test(name, async () => {
            const world = await makeWorld();
            const before = await stack.database.digest();

            async function assertRefused(cell, token, ids, status) {
                const [method, path, body] = makeRequest(ids);
                const response = await stack.request({ method, path, body, token });
                assert.equal(response.status, status, `${cell}: ${response.text}`);
                if (method !== 'HEAD')
                    errorOf(response, status);
                assert.equal(await stack.database.digest(), before, `${cell} changed the database`);
            }

            async function assertDone(cell, caller, kind, status) {
                const fresh = await makeWorld();
                const [method, path, body] = makeRequest(fresh[kind]);
                const response = await fresh.people[caller].request(method, path, { body });
                assert.equal(response.status, status, `${cell}: ${response.text}`);
            }

            const done = [];
            for (const [row, kind] of ['existing', 'unknown'].entries()) {
                for (const [forgery, forge] of Object.entries(FORGERIES))
                    await assertRefused(`${kind}, ${forgery}`,
                        forge(usualClaims(world.people.owner.id, 'salon')), world[kind], 401);
                for (const [column, caller] of CALLERS.entries()) {
                    const status = expected[row][column];
                    const cell = `${kind}, ${caller}`;
                    if (status < 400)
                        done.push(() => assertDone(cell, caller, kind, status));
                    else
                        await assertRefused(cell, world.people[caller].token, world[kind], status);
                }
            }
            for (const check of done)
                await check();
        });

    test('all counters equal a recount', async () => {
        assert.deepEqual(await stack.database.findings(), []);
    });
});
