// Other people's texts: pictures from elsewhere, characters that are several, names that are missing, controls of direction.

import assert from 'node:assert/strict';
import test from 'node:test';

import {
    beginningOf, countCharacters, graphemes, initials, isShowablePicture, personName, previewOf,
    withoutDirections,
} from '../../page/src/model/text.js';

test('pictures come over https, or from one\'s own hosts', () => {
    const origins = ['http://127.0.0.1:8080', 'https://salon.example'];
    const isShown = (url) => isShowablePicture(url, origins);
    assert.ok(isShown('https://images.example/a.png'));
    assert.ok(isShown('http://127.0.0.1:8080/demo/a.svg'));
    assert.ok(isShown('/demo/a.svg'));
    for (const url of ['http://images.example/a.png', 'javascript:alert(1)', 'data:image/png,x',
        'http://127.0.0.1:8081/a.png', 'https://'])
        assert.equal(isShown(url), false, url);
});

test('characters are code points', () => {
    assert.equal(countCharacters('aé€😀'), 4);
    assert.equal(countCharacters('😀'.repeat(10000)), 10000);
});

test('a person always has a name', () => {
    assert.equal(personName({ salonName: 'Encre', firstName: 'A' }), 'Encre');
    assert.equal(personName({ firstName: 'Léa', lastName: 'Martin' }), 'Léa Martin');
    assert.equal(personName({ lastName: 'Martin' }), 'Martin');
    assert.equal(personName({ role: 'client' }), 'Client');
    assert.equal(personName({ role: 'salon' }), 'Le salon');
    assert.equal(personName(undefined), 'Le salon');
    assert.equal(personName({ firstName: ' \u202e ', role: 'client' }), 'Client');
});

test('initials', () => {
    assert.equal(initials('Léa Martin'), 'LM');
    assert.equal(initials('l’Atelier du Canal'), 'LC');
    assert.equal(initials('😀'), '😀');
    assert.equal(initials('\u202e  '), '');
    assert.equal(initials('(Léa) Martin'), 'LM');
    assert.equal(initials('« Léa »'), 'L');
    assert.equal(initials('. Léa'), 'L');
    assert.equal(initials('…'), '…');
    assert.equal(initials('Jean de La Fontaine'), 'JF');
});

const FLAG = '🇫🇷';
const FAMILY = '👨‍👩‍👧‍👦';
const ARTIST = '👩🏽‍🎨';

test('initials are whole characters, as a reader takes them', () => {
    assert.equal(initials(`${FLAG} Salon`), `${FLAG}S`);
    assert.equal(initials(`${ARTIST} Lili`), `${ARTIST}L`);
    assert.equal(initials(FAMILY), FAMILY);
    assert.equal(initials('1️⃣'), '1️⃣');
    assert.equal(initials('e\u0301lise Martin'), 'E\u0301M');
    assert.equal(initials('क्षितिज शर्मा'), 'क्षिश');
    assert.equal(initials('محمد علي'), 'مع');
    assert.equal(initials('ßabine Groß'), 'AG');
});

test('texts are cut between characters, and not when they are short', () => {
    assert.equal(beginningOf('court', 5), 'court');
    assert.equal(beginningOf('abcdef', 5), 'abcde');
    for (const last of [FLAG, FAMILY, ARTIST, 'e\u0301', '😀', '\r\n'])
        for (let before = 0; before < 12; before++) {
            const text = `${'a'.repeat(before)}${last.repeat(20)}`;
            const whole = graphemes(text);
            const cut = beginningOf(text, 12);
            assert.ok(cut.isWellFormed?.() ?? true);
            assert.deepEqual(graphemes(cut), whole.slice(0, graphemes(cut).length), text);
            assert.ok(cut.length <= 12 || graphemes(cut).length === 1);
        }
    const heap = `e${'\u0301'.repeat(5000)}`;
    assert.ok(heap.startsWith(beginningOf(heap, 200)));
});

test('labels hold no control of direction', () => {
    assert.equal(withoutDirections('\u202eabc\u2066d\u200f'), 'abcd');
});

test('the list says who wrote last', () => {
    const last = { content: 'Bonjour', type: 'TEXT', senderId: 'lea' };
    assert.equal(previewOf(last, 'lea'), 'Vous : Bonjour');
    assert.equal(previewOf(last, 'salon'), 'Bonjour');
    assert.equal(previewOf({ ...last, type: 'SYSTEM' }, 'lea'), 'Bonjour');
    assert.equal(previewOf({ ...last, content: '' }, 'salon'), 'Photo');
    assert.equal(previewOf(undefined, 'lea'), '');
    assert.equal(previewOf({ ...last, content: 'x'.repeat(10000) }, 'salon').length, 200);
});
