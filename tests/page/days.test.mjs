// Words for days and times.

import assert from 'node:assert/strict';
import test from 'node:test';

process.env.TZ = 'Europe/Paris';
const { dayLabel, dayOf, shortLabel, timeLabel } = await import('../../page/src/model/days.js');

const now = new Date('2026-11-24T09:00:00Z');

test('days are local', () => {
    assert.equal(dayOf('2026-11-23T22:59:59Z'), '2026-11-23');
    assert.equal(dayOf('2026-11-23T23:00:00Z'), '2026-11-24');
});

test('separators name the day as one would say it', () => {
    assert.equal(dayLabel('2026-11-24', now), 'Aujourd’hui');
    assert.equal(dayLabel('2026-11-23', now), 'Hier');
    assert.equal(dayLabel('2026-11-22', now), 'dimanche 22 novembre');
    assert.equal(dayLabel('2026-11-01', now), 'dimanche 1er novembre');
    assert.equal(dayLabel('2025-11-24', now), 'lundi 24 novembre 2025');
});

test('the change of the clock moves no day', () => {
    // On 25 October 2026 the day has 25 hours in Paris, on 29 March 23.
    assert.equal(dayLabel('2026-10-24', new Date('2026-10-25T22:30:00Z')), 'Hier');
    assert.equal(dayLabel('2026-03-28', new Date('2026-03-29T21:30:00Z')), 'Hier');
});

test('the list says when in a word', () => {
    assert.equal(shortLabel('2026-11-24T08:05:00Z', now), '09:05');
    assert.equal(shortLabel('2026-11-23T10:00:00Z', now), 'hier');
    assert.equal(shortLabel('2026-11-19T10:00:00Z', now), 'jeudi');
    assert.equal(shortLabel('2026-11-17T10:00:00Z', now), '17/11/26');
    assert.equal(shortLabel('2026-03-05T10:00:00Z', now), '05/03/26');
    // The server's clock may be ahead of the page's.
    assert.equal(shortLabel('2026-11-25T08:00:00Z', now), timeLabel('2026-11-25T08:00:00Z'));
});
