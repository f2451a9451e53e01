import { element, spoken } from '../dom.js';
import { initials, isShowablePicture, personName } from '../model/text.js';
import { texts } from '../texts.js';

const TONES = 8;

/** The same person has the same colour everywhere. */
function toneOf(id) {
    let sum = 0;
    for (const character of id)
        sum = (sum * 31 + character.codePointAt(0)) % 9973;
    return sum % TONES;
}

/**
 * A person's picture, or their initials where there is none or it does not load. A decoration: the
 * name stands beside it.
 * @param {object} person
 * @param {string[]} origins from which pictures may come besides https
 */
export function avatar(person, origins) {
    const node = element('span', {
        class: 'avatar', 'data-tone': toneOf(person?.id ?? ''), 'aria-hidden': 'true',
        text: initials(personName(person)),
    });
    if (person?.image && isShowablePicture(person.image, origins)) {
        const picture = element('img', {
            src: new URL(person.image, origins[0]).href, alt: '', loading: 'lazy', decoding: 'async',
            referrerpolicy: 'no-referrer', onerror: () => picture.remove(),
        });
        node.append(picture);
    }
    return node;
}

/** An avatar with a mark that says whether the person is online.
 * @param {object} person
 * @param {string[]} origins
 * @param {boolean} isOnline */
export function presentAvatar(person, origins, isOnline) {
    return element('span', { class: 'present', 'data-online': isOnline },
        avatar(person, origins), isOnline && spoken(`${texts.online}. `));
}
