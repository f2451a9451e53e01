// The list: its order, and pages that are older than what has been told since.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Conversations, otherPerson } from '../../page/src/model/conversations.js';

const conversation = (id, minute, more = {}) => ({
    id, salonId: 'salon', clientUserId: 'lea', status: 'ACTIVE', unreadCount: 0,
    salon: { id: 'salon' }, client: { id: 'lea' },
    lastMessageAt: `2026-11-24T10:${minute}:00.000Z`, ...more,
});
const ids = (list) => list.map(({ id }) => id);

function listWith(...all) {
    const conversations = new Conversations();
    all.forEach((one) => conversations.put(one));
    return conversations;
}

function showNewest(conversations, newest, more = {}) {
    conversations.showNewest(newest, { isComplete: true, load: new Set(), ...more });
}

test('newest first, by the id of the last message where the times are equal', () => {
    const conversations = listWith(conversation('b', '01'), conversation('c', '02'),
        conversation('a', '01'));
    assert.deepEqual(ids(conversations.list()), ['c', 'b', 'a']);
    conversations.change('a', { lastMessage: { id: 'd' } });
    assert.deepEqual(ids(conversations.list()), ['c', 'a', 'b']);
    conversations.change('b', { lastMessage: { id: 'e' } });
    assert.deepEqual(ids(conversations.list()), ['c', 'b', 'a']);
});

test('a message moves its conversation to the top and out of the archive', () => {
    const conversations = listWith(conversation('a', '01', { status: 'ARCHIVED' }),
        conversation('b', '02'));
    assert.deepEqual(ids(conversations.list('ARCHIVED')), ['a']);
    assert.equal(conversations.showMessage({
        id: 'm', conversationId: 'a', content: 'x', type: 'TEXT', sender: { id: 'lea' },
        createdAt: '2026-11-24T10:03:00.000Z',
    }), true);
    assert.deepEqual(ids(conversations.list('ACTIVE')), ['a', 'b']);
    assert.equal(conversations.get('a').lastMessage.senderId, 'lea');
    assert.equal(conversations.showMessage({ conversationId: 'x', sender: {} }), false);
});

test('what a complete list does not name is gone', () => {
    const conversations = listWith(conversation('a', '01'), conversation('b', '02'));
    showNewest(conversations, [conversation('b', '02')]);
    assert.deepEqual(ids(conversations.list()), ['b']);
});

test('a first page says nothing of what is older, or of another status', () => {
    const conversations = listWith(conversation('old', '01'), conversation('gone', '05'),
        conversation('kept', '06', { status: 'ARCHIVED' }));
    showNewest(conversations, [conversation('c', '07'), conversation('b', '04')],
        { status: 'ACTIVE', isComplete: false });
    assert.deepEqual(ids(conversations.list('ACTIVE')), ['c', 'b', 'old']);
    assert.deepEqual(ids(conversations.list('ARCHIVED')), ['kept']);
});

test('what has been told while a page was under way is newer than the page', () => {
    const conversations = listWith(conversation('a', '01'), conversation('d', '01'));
    const load = conversations.beginLoad();
    conversations.change('a', { unreadCount: 2 });
    conversations.put(conversation('b', '02'));
    conversations.remove('d');
    showNewest(conversations, [conversation('d', '01'), conversation('a', '01')], { load });
    conversations.endLoad(load);
    assert.deepEqual(ids(conversations.list()), ['b', 'a']);
    assert.equal(conversations.get('a').unreadCount, 2);
    assert.deepEqual([...load].sort(), ['a', 'b', 'd']);
    conversations.change('a', { unreadCount: 3 });
    assert.equal(load.size, 3);
});

test('what a page does not change keeps its object', () => {
    const conversations = listWith(conversation('a', '01'), conversation('b', '02'));
    const before = conversations.list();
    showNewest(conversations, [conversation('a', '01'), conversation('b', '02', { unreadCount: 1 })]);
    const after = conversations.list();
    assert.deepEqual(after.map((one, i) => one === before[i]), [false, true]);
    assert.equal(conversations.get('b').unreadCount, 1);
});

test('the other person', () => {
    assert.equal(otherPerson(conversation('a', '01'), 'salon').id, 'lea');
    assert.equal(otherPerson(conversation('a', '01'), 'lea').id, 'salon');
});
