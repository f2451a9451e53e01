// What in other people's texts can be tapped, and what had better not be.

import assert from 'node:assert/strict';
import test from 'node:test';

import { splitLinks } from '../../page/src/model/links.js';

const partsOf = (text) => splitLinks(text).filter(({ url }) => url);
const linksOf = (text) => partsOf(text).map(({ text: shown }) => shown);
const addressesOf = (text) => partsOf(text).map(({ url }) => url);

test('addresses become links without the punctuation around them', () => {
    for (const [text, ...links] of [
        ['Voir https://exemple.fr/a?b=1&c=2. Et (http://exemple.fr/x) !',
            'https://exemple.fr/a?b=1&c=2', 'http://exemple.fr/x'],
        ['HTTPS://EXEMPLE.FR/A…', 'HTTPS://EXEMPLE.FR/A'],
        ['« https://exemple.fr/a », “https://exemple.fr/b” ‹https://exemple.fr/c› „https://exemple.fr/d‟',
            'https://exemple.fr/a', 'https://exemple.fr/b', 'https://exemple.fr/c',
            'https://exemple.fr/d'],
        ['「https://exemple.fr/a」https://exemple.fr/b—c', 'https://exemple.fr/a', 'https://exemple.fr/b'],
        ['d’https://exemple.fr/x’ \'https://exemple.fr/y\'', 'https://exemple.fr/x',
            'https://exemple.fr/y'],
        ['*https://exemple.fr/a* _https://exemple.fr/b_ https://exemple.fr/c_', 'https://exemple.fr/a',
            'https://exemple.fr/b', 'https://exemple.fr/c_'],
        ['https://exemple.fr/été?q=café#là', 'https://exemple.fr/été?q=café#là'],
    ])
        assert.deepEqual(linksOf(text), links, text);
});

test('a bracket belongs to the address when it is opened in it', () => {
    for (const link of ['https://exemple.fr/Tatouage_(art)', 'https://exemple.fr/x_(y)_(z)',
        'https://exemple.fr/?q=[a]', 'https://exemple.fr/{id}', 'https://exemple.fr/a_(b_(c))'])
        for (const [before, after] of [['', ''], ['(', ')'], ['[', '].'], ['(voir ', '), ou'], ['{', '}…']])
            assert.deepEqual(linksOf(before + link + after), [link], before + link + after);
});

test('nothing but web, mail and telephone does', () => {
    for (const text of ['javascript:alert(1)', 'data:text/html,x', 'ftp://exemple.fr', 'https://',
        'http://[', '<a href="javascript:x">', 'www.', 'wwww.exemple.fr', 'xwww.exemple.fr', 'a@b', '@exemple.fr',
        'exemple.fr'])
        assert.deepEqual(linksOf(text), [], text);
});

test('www, mail and telephone lead where they should', () => {
    for (const [text, address] of [
        ['www.salon-encre.fr.', 'https://www.salon-encre.fr'],
        ['(WWW.salon-encre.fr/rdv)', 'https://WWW.salon-encre.fr/rdv'],
        ['contact@salon-encre.fr', 'mailto:contact@salon-encre.fr'],
        ['mailto:lea.martin+rdv@exemple.org,', 'mailto:lea.martin+rdv@exemple.org'],
        ['<contact@exemple.fr>', 'mailto:contact@exemple.fr'],
        ['06 12 34 56 78', 'tel:0612345678'],
        ['06.12.34.56.78.', 'tel:0612345678'],
        ['06-12-34-56-78', 'tel:0612345678'],
        ['au 0612345678, merci', 'tel:0612345678'],
        ['06\u00a012\u00a034\u00a056\u00a078', 'tel:0612345678'],
        ['(01 23 45 67 89)', 'tel:0123456789'],
        ['06 12 34 56 78 14h', 'tel:0612345678'],
        ['+33 6 12 34 56 78', 'tel:+33612345678'],
        ['+33 (0)6 12 34 56 78', 'tel:+33612345678'],
        ['0033 6 12 34 56 78', 'tel:0033612345678'],
        ['+32 475 12 34 56', 'tel:+32475123456'],
    ])
        assert.deepEqual(addressesOf(text), [address], text);
});

test('other numbers are no telephones', () => {
    for (const text of ['FR76 3000 6000 0112 3456 7890 189', '4970 1012 3456 7890', '061234567890',
        'SIRET 012 345 678 00012', 'le 01.02.2026 à 10:30', '10-12-13-14', '1 + 1', '+1', 'A0612345678',
        '05 10 15 20 25 30 35'])
        assert.deepEqual(linksOf(text), [], text);
});

test('what does not lead where it says is a text', () => {
    for (const text of [
        'https://banque.fr@exemple.fr/', 'https://banque.fr:443@exemple.fr/', 'https://a:b@exemple.fr',
        'https://banque.fr%2f@exemple.fr/', 'https://banque.fr\\@exemple.fr', 'https:\\\\banque.fr',
        'https://banque.fr\u2044login.exemple.fr/', 'https://banque.fr\u2215x.exemple.fr/',
        'https://banque.fr\u29f8x.exemple.fr/', 'https://banque.fr\uff0fx.exemple.fr/',
        'https://banque.fr\u0338x.exemple.fr/', 'https://banque.f\u0337r.exemple.fr',
        'https://banque.fr\uff1fx.exemple.fr/', 'https://banque.fr\u3002exemple.fr',
        'https://b\u0430nque.fr/', 'https://\u0430\u0440\u0440\u04cf\u0435.com/', 'https://banque.fr\u30ceexemple.fr',
        'https://exemple.fr/a\u200bb', 'https://exemple.fr/\u202egnp.exe', 'https://ex\u00ademple.fr/',
        '\u202ehttps://rf.elpmexe', '\u2066x https://exemple.fr/', 'www.banque.fr@exemple.fr',
        'x@exemple.fr@banque.fr', 'contact@b\u0430nque.fr',
    ])
        assert.deepEqual(linksOf(text), [], text);
});

test('addresses in other alphabets are links', () => {
    for (const text of ['https://пример.рф/', 'https://例え.jp/x', 'https://café.fr/', 'https://[::1]:8080/'])
        assert.deepEqual(linksOf(text), [text]);
    // Marks of direction stand in Arabic texts by themselves.
    assert.deepEqual(linksOf('\u200fمرحبا https://exemple.fr/ شكرا'), ['https://exemple.fr/']);
});

test('cutting loses nothing', () => {
    for (const text of ['', 'sans lien', 'https://a.fr', 'x https://a.fr, https://b.fr\ny',
        'https:// https://[ fin', '<img src=x onerror="alert(1)"> https://a.fr>',
        'a@b.fr 06 12 34 56 78 www.c.fr https://x@y.fr d@e.fr'])
        assert.equal(splitLinks(text).map((part) => part.text).join(''), text);
});

test('long texts that are nearly addresses are cut like others', () => {
    for (const unit of ['https://', 'https://a.', 'http://a)', '. ', '…', '@', 'a@', 'a.', '+1', '06 ',
        '06 12 34 ', 'www.', '(', ')'])
        for (const before of ['', 'https://a.fr', '+']) {
            const text = `${before}${unit.repeat(5000)}b`;
            assert.equal(splitLinks(text).map((part) => part.text).join(''), text);
        }
});
