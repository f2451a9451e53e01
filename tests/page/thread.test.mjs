// The order of messages in the page: pages, live messages and one's own in any interleaving.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Thread } from '../../page/src/model/thread.js';

const message = (id, more = {}) => ({
    id, conversationId: 'c', content: `text of ${id}`, type: 'TEXT', isRead: false,
    createdAt: '2026-11-24T10:00:00.000Z', sender: { id: 'lea' }, attachments: [], ...more,
});
const page = (...ids) => ids.map((id) => message(id)).reverse();
const idsOf = (thread) => thread.messages.map(({ id }) => id);

function threadWith(...ids) {
    const thread = new Thread();
    thread.showNewest(page(...ids), { cursor: 'older' });
    return thread;
}

test('a page is shown oldest first', () => {
    const thread = threadWith('1', '2', '3');
    assert.deepEqual(idsOf(thread), ['1', '2', '3']);
    assert.equal(thread.cursor, 'older');
    assert.ok(thread.isLoaded);
});

test('an older page comes before, and nothing twice', () => {
    const thread = threadWith('3', '4');
    thread.showOlder(page('1', '2', '3'), undefined);
    assert.deepEqual(idsOf(thread), ['1', '2', '3', '4']);
    assert.equal(thread.cursor, undefined);
});

test('a live message is appended once, whatever brings it again', () => {
    const thread = threadWith('1');
    assert.equal(thread.append(message('2')), true);
    assert.equal(thread.append(message('2')), false);
    thread.showNewest(page('1', '2'));
    assert.deepEqual(idsOf(thread), ['1', '2']);
});

test('what was missed is put after what was known, and the cursor for older ones stays', () => {
    const thread = threadWith('3', '4', '5');
    thread.showNewest(page('4', '5', '6', '7'), { cursor: 'wrong' });
    assert.deepEqual(idsOf(thread), ['3', '4', '5', '6', '7']);
    assert.equal(thread.cursor, 'older');
});

test('after a gap only the newest page is shown, with its own cursor', () => {
    const thread = threadWith('1', '2');
    thread.showNewest(page('8', '9'), { cursor: 'gap' });
    assert.deepEqual(idsOf(thread), ['8', '9']);
    assert.equal(thread.cursor, 'gap');
});

test('what was deleted meanwhile is gone after the newest page', () => {
    const thread = threadWith('1', '2', '3', '4');
    thread.showNewest(page('2', '4'));
    assert.deepEqual(idsOf(thread), ['1', '2', '4']);
});

test('the history of a join has no cursor, and takes none away', () => {
    const thread = threadWith('1', '2');
    assert.equal(thread.showHistory(page('1', '2', '3')), true);
    assert.deepEqual(idsOf(thread), ['1', '2', '3']);
    assert.equal(thread.cursor, 'older');
});

test('a history that comes before the first page waits for its cursor', () => {
    const thread = new Thread();
    const load = thread.beginLoad();
    assert.equal(thread.showHistory(page('2', '3', '4')), true);
    // The page was read before message 4 came: what the history says is newer.
    thread.showNewest(page('1', '2', '3'), { cursor: 'first', load });
    assert.deepEqual(idsOf(thread), ['1', '2', '3', '4']);
    assert.equal(thread.cursor, 'first');
});

test('a history after a gap wants a page, and takes its cursor', () => {
    const thread = threadWith('1', '2');
    assert.equal(thread.showHistory(page('8', '9')), false);
    thread.showNewest(page('7', '8', '9'), { cursor: 'before 7' });
    assert.deepEqual(idsOf(thread), ['7', '8', '9']);
    assert.equal(thread.cursor, 'before 7');
});

test('a history that reaches further back than a page under way keeps its order', () => {
    const thread = threadWith('3', '4', '5');
    const load = thread.beginLoad();
    thread.remove('4');
    thread.showHistory(page('2', '3', '5'));
    thread.showNewest(page('3', '4', '5'), { load });
    assert.deepEqual(idsOf(thread), ['2', '3', '5']);
});

test('a page that reaches further back than what is known, and the older page after it', () => {
    const thread = threadWith('3', '4', '5');
    thread.showNewest(page('2', '3', '5'));
    assert.deepEqual(idsOf(thread), ['2', '3', '5']);
    thread.showOlder(page('1', '2'), undefined);
    assert.deepEqual(idsOf(thread), ['1', '2', '3', '5']);
});

test('what arrives while a page is under way is kept behind it', () => {
    const thread = new Thread();
    const load = thread.beginLoad();
    thread.append(message('3'));
    thread.showNewest(page('1', '2'), { load });
    thread.endLoad(load);
    assert.deepEqual(idsOf(thread), ['1', '2', '3']);

    const second = thread.beginLoad();
    thread.append(message('4'));
    thread.showNewest(page('1', '2', '3', '4'), { load: second });
    assert.deepEqual(idsOf(thread), ['1', '2', '3', '4']);
});

test('the first message of an empty conversation survives an empty page', () => {
    const thread = new Thread();
    const load = thread.beginLoad();
    thread.append(message('1'));
    thread.showNewest([], { load });
    assert.deepEqual(idsOf(thread), ['1']);
});

test('a stale page does not bring back what was deleted, nor unread what was read', () => {
    const thread = threadWith('1', '2');
    thread.remove('1');
    thread.markRead('2', '2026-11-24T10:01:00.000Z');
    thread.showNewest(page('1', '2'));
    assert.deepEqual(idsOf(thread), ['2']);
    assert.equal(thread.messages[0].isRead, true);
    assert.equal(thread.append(message('1')), false);
});

test('a message keeps its object when nothing about it changed', () => {
    const thread = threadWith('1', '2');
    const [first, second] = thread.messages;
    thread.showNewest([{ ...message('2'), isRead: true }, message('1')]);
    assert.equal(thread.messages[0], first);
    assert.notEqual(thread.messages[1], second);
});

test('one\'s own message stays at the end until its place is known', () => {
    const thread = threadWith('1');
    thread.addPending({ clientMessageId: 'k', content: 'mine', createdAt: '2026-11-24T10:02:00Z' });
    assert.equal(thread.pending[0].state, 'sending');
    // Acknowledged before the event of somebody else's, which the server placed earlier.
    thread.settle('k', message('3', { clientMessageId: 'k' }));
    assert.equal(thread.pending[0].state, 'sent');
    thread.append(message('2'));
    thread.append(message('3', { clientMessageId: 'k' }));
    assert.deepEqual(idsOf(thread), ['1', '2', '3']);
    assert.deepEqual(thread.pending, []);
});

test('the event of one\'s own message may come before the acknowledgement, or without it', () => {
    const thread = threadWith('1');
    thread.addPending({ clientMessageId: 'k', content: 'mine', createdAt: '2026-11-24T10:02:00Z' });
    thread.append(message('2', { clientMessageId: 'k' }));
    assert.deepEqual(thread.pending, []);
    thread.settle('k', message('2', { clientMessageId: 'k' }));
    assert.deepEqual(idsOf(thread), ['1', '2']);
    assert.deepEqual(thread.pending, []);
});

test('a page places what was sent during a cut', () => {
    const thread = threadWith('1');
    thread.addPending({ clientMessageId: 'k', content: 'mine', createdAt: '2026-11-24T10:02:00Z' });
    thread.showNewest([message('3', { clientMessageId: 'k' }), message('2'), message('1')]);
    assert.deepEqual(idsOf(thread), ['1', '2', '3']);
    assert.deepEqual(thread.pending, []);
});

test('what waits for its place can be read, fail, be given up', () => {
    const thread = new Thread();
    for (const clientMessageId of ['a', 'b'])
        thread.addPending({ clientMessageId, content: 'x', createdAt: '2026-11-24T10:02:00Z' });
    thread.settle('a', message('1'));
    thread.markRead('1', '2026-11-24T10:03:00Z');
    assert.equal(thread.pending[0].message.isRead, true);
    thread.changePending('b', { state: 'failed', reason: 'why' });
    assert.deepEqual([thread.pending[1].state, thread.pending[1].reason], ['failed', 'why']);
    thread.removePending('b');
    assert.deepEqual(thread.pending.map(({ clientMessageId }) => clientMessageId), ['a']);
});

test('what is new is counted from the end, as soon as it is all there', () => {
    const from = (id) => message(id, { sender: { id: 'salon' } });
    const thread = new Thread();
    thread.expectNew(3, 'lea');
    thread.showHistory([from('4'), from('3')]);
    assert.equal(thread.newFrom, undefined, 'the first of the three is not there yet');
    assert.ok(!thread.holdsNew([from('4'), message('3')]));
    thread.showNewest([from('4'), from('3'), from('2'), from('1')]);
    assert.equal(thread.newFrom, '2');
    // It stays there until something else is new.
    thread.expectNew(0, 'lea');
    thread.showNewest([from('5'), from('4'), from('3'), from('2'), from('1')]);
    assert.equal(thread.newFrom, '2');
    thread.expectNew(1, 'lea');
    thread.showNewest([from('6'), from('5')]);
    assert.equal(thread.newFrom, '6');
});
