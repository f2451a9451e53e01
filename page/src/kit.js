/**
 * What the parts that are loaded later use of the page. It is handed to them, and they import nothing
 * of it: the modules of the page then stay in one file, which is smaller, and sooner there, than two.
 */

import { readClaims } from './credentials.js';
import { element, icon } from './dom.js';
import { otherPerson } from './model/conversations.js';
import { shortLabel } from './model/days.js';
import { beginningOf, personName, previewOf, splitQuote } from './model/text.js';
import { addStyles } from './styles.js';
import { avatar } from './view/avatar.js';

export const kit = {
    addStyles, avatar, beginningOf, element, icon, otherPerson, personName, previewOf, readClaims,
    shortLabel, splitQuote,
};

/** @typedef {typeof kit} Kit */
