// What a role may do, and which counts when token and directory say different things: checked cell
// by cell against the table below.

import assert from 'node:assert/strict';

import { appointmentOf, BookingSite } from './harness/booking.mjs';
import { describeBroker } from './harness/broker.mjs';
import {
    CONVERSATIONS, conversationPath, markReadPath, messagesPath, readPath, UNREAD_TOTAL,
} from './harness/paths.mjs';
import { assertInvalid, bodyOf, errorOf, send } from './harness/people.mjs';
import { describeStack } from './harness/stack.mjs';

/*
 * The role in the token, the role that the booking back-end has set (undefined: none), and what
 * POST conversations and POST messages answer. Reading is allowed to all.
 */
const ROLES = [
    ['salon', undefined, 201, 201],
    ['user_tatoueur', undefined, 201, 201],
    ['client', undefined, 403, 201],
    [undefined, undefined, 403, 201], // a client, as the directory has it
    ['robot', undefined, 403, 403],
    ['salon', 'client', 403, 201],
    ['client', 'salon', 201, 201],
    ['robot', 'salon', 201, 201],
    ['robot', 'client', 403, 201],
    [undefined, 'salon', 201, 201],
    ['salon', 'robot', 403, 403],
    ['client', 'robot', 403, 403],
];

const nameOf = ([token, directory]) => `token ${token}, directory ${directory}`;

/** {caller, salon, conversation, message}: somebody with these roles, whom a salon has written. */
async function makeWorld(stack, [role, directory]) {
    const site = new BookingSite(stack.person('service'));
    const salon = await stack.knownPerson('salon');
    const caller = await stack.knownPerson(role);
    const conversation = bodyOf(await site.book(appointmentOf(salon, caller)), 201).id;
    const message = (await send(salon, conversation)).id;
    if (directory !== undefined)
        bodyOf(await site.putUser(caller.id, { role: directory }));
    return { caller, salon, conversation, message };
}

describeStack('roles', {}, ({ stack, test }) => {
    async function assertStatus(response, status) {
        if (status >= 400)
            errorOf(response, status);
        else
            bodyOf(response, status);
    }

    for (const roles of ROLES)
        test(nameOf(roles), async () => {
            const { caller, conversation, message } = await makeWorld(stack, roles);
            const [, , conversationStatus, messageStatus] = roles;
            const other = await stack.knownPerson('client');
            const calls = [
                ['POST', CONVERSATIONS, { clientUserId: other.id }, conversationStatus],
                ['POST', messagesPath(conversation), { content: 'x' }, messageStatus],
            ];
            for (const [method, path, body, status] of calls) {
                const call = () => caller.request(method, path, { body });
                await assertStatus(
                    status < 400 ? await call() : await stack.assertUnchanged(call), status);
            }
            // The role is asked before the body.
            if (conversationStatus === 403)
                errorOf(await caller.post(CONVERSATIONS, {}), 403);
            for (const [method, path, status] of [
                ['GET', CONVERSATIONS, 200],
                ['GET', UNREAD_TOTAL, 200],
                ['GET', conversationPath(conversation), 200],
                ['GET', messagesPath(conversation), 200],
                ['PATCH', readPath(message), 200],
                ['PATCH', markReadPath(conversation), 204],
            ])
                bodyOf(await caller.request(method, path), status);
        });

    test('nobody is salon and client of one conversation', async () => {
        const salon = await stack.knownPerson('salon');
        const service = stack.person('service');
        const site = new BookingSite(service);
        const refuse = (call) => stack.assertUnchanged(call)
            .then((response) => errorOf(response, 400));
        await refuse(() => salon.post(CONVERSATIONS, { clientUserId: salon.id }));
        await refuse(() => service.post(CONVERSATIONS,
            { clientUserId: salon.id, salonId: salon.id }));
        await refuse(() => site.book(appointmentOf(salon, salon)));
        // By its token a salon, and by the directory, whose word counts, a client.
        bodyOf(await site.putUser(salon.id, { role: 'client' }));
        errorOf(await stack.assertUnchanged(() =>
            salon.post(CONVERSATIONS, { clientUserId: salon.id })), 403);
    });
});

describeBroker('roles of sockets', {}, ({ stack, test }) => {
    for (const roles of ROLES)
        test(nameOf(roles), async () => {
            const { caller, conversation, message } = await makeWorld(stack, roles);
            const tab = await stack.openTab(caller);
            await tab.join(conversation);
            await tab.do('mark-as-read', { messageId: message });
            if (roles[3] === 201)
                await tab.do('send-message', { conversationId: conversation, content: 'x' });
            else
                assert.match(await tab.refused('send-message',
                    { conversationId: conversation, content: 'x' }), /rôle/);
            tab.close();
        });
});
