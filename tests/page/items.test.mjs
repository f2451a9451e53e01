// What the thread shows line by line: days, sides, states, groups.

import assert from 'node:assert/strict';
import test from 'node:test';

process.env.TZ = 'Europe/Paris';
const { makeItems, isSameItem } = await import('../../page/src/model/items.js');
const { Thread } = await import('../../page/src/model/thread.js');

const message = (id, createdAt, more = {}) => ({
    id, conversationId: 'c', content: id, type: 'TEXT', isRead: false, createdAt,
    sender: { id: 'lea' }, attachments: [], ...more,
});

function itemsOf(...messages) {
    const thread = new Thread();
    thread.showNewest([...messages].reverse());
    return makeItems(thread, 'lea');
}

test('a separator stands before the first message of each local day', () => {
    const items = itemsOf(
        message('1', '2026-11-23T22:59:00Z'), // 23:59 in Paris
        message('2', '2026-11-23T23:01:00Z'), // 00:01
        message('3', '2026-11-24T22:00:00Z'));
    assert.deepEqual(items.map(({ kind, day, message: shown }) => (kind === 'day' ? day : shown.id)),
        ['2026-11-23', '1', '2026-11-24', '2', '3']);
});

test('keys are never doubled, even when days are', () => {
    const items = itemsOf(message('1', '2026-11-24T12:00:00Z'), message('2', '2026-11-23T12:00:00Z'),
        message('3', '2026-11-24T12:00:00Z'));
    assert.equal(items.filter(({ kind }) => kind === 'day').length, 3);
    assert.equal(new Set(items.map(({ key }) => key)).size, items.length);
});

test('own, other and system messages are told apart', () => {
    const items = itemsOf(
        message('1', '2026-11-24T10:00:00Z', { isRead: true }),
        message('2', '2026-11-24T10:01:00Z', { sender: { id: 'salon' } }),
        message('3', '2026-11-24T10:02:00Z', { type: 'SYSTEM' }));
    assert.deepEqual(items.slice(1).map(({ side, state }) => [side, state]),
        [['own', 'read'], ['other', 'sent'], ['system', 'sent']]);
});

test('messages of one person within five minutes are a group', () => {
    const items = itemsOf(
        message('1', '2026-11-24T10:00:00Z'), message('2', '2026-11-24T10:04:00Z'),
        message('3', '2026-11-24T10:10:00Z'),
        message('4', '2026-11-24T10:10:30Z', { sender: { id: 'salon' } })).slice(1);
    assert.deepEqual(items.map(({ isFirst, isLast }) => [isFirst, isLast]),
        [[true, false], [false, true], [true, true], [true, true]]);
});

test('from sending to being read a message keeps its key', () => {
    const thread = new Thread();
    const only = () => makeItems(thread, 'lea').filter(({ kind }) => kind === 'message');
    const seen = [];
    const look = () => seen.push(...only().map(({ key, state }) => [key, state]));
    thread.addPending({ clientMessageId: 'k', content: 'x', createdAt: '2026-11-24T10:00:00Z' });
    look();
    thread.settle('k', message('1', '2026-11-24T10:00:01Z', { clientMessageId: 'k' }));
    look();
    thread.append(message('1', '2026-11-24T10:00:01Z', { clientMessageId: 'k' }));
    look();
    thread.markRead('1', '2026-11-24T10:00:02Z');
    look();
    assert.deepEqual(seen.map(([, state]) => state), ['sending', 'sent', 'sent', 'read']);
    assert.equal(new Set(seen.map(([key]) => key)).size, 1);
});

test('somebody else\'s clientMessageId is no key: it may be anything', () => {
    const items = itemsOf(
        message('1', '2026-11-24T10:00:00Z', { clientMessageId: 'k' }),
        message('2', '2026-11-24T10:00:00Z', { clientMessageId: 'k', sender: { id: 'salon' } }));
    assert.equal(new Set(items.map(({ key }) => key)).size, items.length);
});

test('a new neighbour changes how the last one looks, and nothing else does', () => {
    const thread = new Thread();
    thread.append(message('1', '2026-11-24T10:00:00Z'));
    const before = makeItems(thread, 'lea');
    assert.ok(before.every((item, i) => isSameItem(item, makeItems(thread, 'lea')[i])));
    thread.append(message('2', '2026-11-24T10:00:30Z'));
    const after = makeItems(thread, 'lea');
    assert.deepEqual(before.map((item, i) => isSameItem(item, after[i])), [true, false]);
});

test('a line stands before what is new, and is the beginning of a group', () => {
    const thread = new Thread();
    thread.expectNew(2, 'lea');
    thread.showNewest([
        message('4', '2026-11-24T10:00:03Z', { sender: { id: 'salon' } }),
        message('3', '2026-11-24T10:00:02Z'),
        message('2', '2026-11-24T10:00:01Z', { sender: { id: 'salon' } }),
        message('1', '2026-11-24T10:00:00Z', { sender: { id: 'salon' } }),
    ]);
    const items = makeItems(thread, 'lea');
    assert.deepEqual(items.map(({ kind, message: shown }) => shown?.id ?? kind),
        ['day', '1', 'new', '2', '3', '4']);
    assert.ok(items[3].isFirst);
    thread.forgetNew();
    assert.ok(!makeItems(thread, 'lea').some(({ kind }) => kind === 'new'));
});

test('what looks different on another day, or elsewhere, is another item', () => {
    const thread = new Thread();
    thread.append(message('1', '2026-11-24T22:30:00Z'));
    const before = makeItems(thread, 'lea', new Date('2026-11-24T22:45:00Z'));
    assert.deepEqual(before.map(({ label, time }) => label ?? time), ['Aujourd’hui', '23:30']);
    const after = makeItems(thread, 'lea', new Date('2026-11-24T23:05:00Z'));
    assert.deepEqual(after.map(({ label, time }) => label ?? time), ['Hier', '23:30']);
    assert.deepEqual(before.map((item, i) => isSameItem(item, after[i])), [false, true]);
    process.env.TZ = 'America/Cayenne';
    const elsewhere = makeItems(thread, 'lea', new Date('2026-11-24T23:05:00Z'));
    process.env.TZ = 'Europe/Paris';
    assert.deepEqual(elsewhere.map(({ label, time }) => label ?? time), ['Aujourd’hui', '19:30']);
    assert.equal(isSameItem(after[1], elsewhere[1]), false);
});
