/**
 * What the parts that are loaded later use of the page. It is handed to them, and they import nothing
 * of it: the modules of the page then stay in one file, which is smaller, and sooner there, than two.
 */

import { readClaims } from './credentials.js';
import { element, icon, setAttributes } from './dom.js';
import { personName } from './model/text.js';
import { addStyles } from './styles.js';
import { avatar } from './view/avatar.js';

export const kit = { addStyles, avatar, element, icon, personName, readClaims, setAttributes };

/** @typedef {typeof kit} Kit */
