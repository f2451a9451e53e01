// Other people's texts: links that are none, names that are missing, controls of direction.

import assert from 'node:assert/strict';
import test from 'node:test';

import {
    countCharacters, initials, isShowablePicture, personName, previewOf, splitLinks,
    withoutDirections,
} from '../../page/src/model/text.js';

const linksOf = (text) => splitLinks(text).filter(({ url }) => url).map(({ url }) => url);

test('addresses become links without the punctuation around them', () => {
    assert.deepEqual(linksOf('Voir https://exemple.fr/a?b=1&c=2. Et (http://exemple.fr/x) !'),
        ['https://exemple.fr/a?b=1&c=2', 'http://exemple.fr/x']);
});

test('nothing but http and https does', () => {
    for (const text of ['javascript:alert(1)', 'data:text/html,x', 'ftp://exemple.fr', 'https://',
        'http://[', 'www.exemple.fr', '<a href="javascript:x">'])
        assert.deepEqual(linksOf(text), [], text);
});

test('cutting loses nothing', () => {
    for (const text of ['', 'sans lien', 'https://a.fr', 'x https://a.fr, https://b.fr\ny',
        'https:// https://[ fin', '<img src=x onerror="alert(1)"> https://a.fr>'])
        assert.equal(splitLinks(text).map((part) => part.text).join(''), text);
});

test('long texts that are nearly addresses are cut like others', () => {
    for (const unit of ['https://', 'https://a.', 'http://a)', '. ', '…']) {
        const text = `https://a.fr${unit.repeat(10000)}b`;
        assert.equal(splitLinks(text).map((part) => part.text).join(''), text);
    }
});

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
});

test('initials', () => {
    assert.equal(initials('Léa Martin'), 'LM');
    assert.equal(initials('l’Atelier du Canal'), 'LC');
    assert.equal(initials('😀'), '😀');
    assert.equal(initials('\u202e  '), '');
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
