/**
 * Days and times, as a reader in the browser's time zone sees them, in French. By hand: to make one
 * formatter of Intl takes longer than to draw the thread.
 */

import { texts } from '../texts.js';

const DAY_MS = 24 * 60 * 60 * 1000;

const two = (number) => String(number).padStart(2, '0');

/** The local day of an instant, `2026-11-24`.
 * @param {string|number|Date} instant */
export function dayOf(instant) {
    const date = new Date(instant);
    return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Whole days between two local days, not fooled by days of 23 or 25 hours. */
function daysBetween(day, today) {
    return Math.round((Date.parse(`${today}T00:00Z`) - Date.parse(`${day}T00:00Z`)) / DAY_MS);
}

/** The words of a day separator.
 * @param {string} day
 * @param {Date} [now] */
export function dayLabel(day, now = new Date()) {
    const age = daysBetween(day, dayOf(now));
    if (age === 0)
        return texts.today;
    if (age === 1)
        return texts.yesterday;
    const noon = new Date(`${day}T12:00`);
    const number = noon.getDate() === 1 ? '1er' : noon.getDate();
    const words = [texts.weekdays[noon.getDay()], number, texts.months[noon.getMonth()]];
    if (noon.getFullYear() !== now.getFullYear())
        words.push(noon.getFullYear());
    return words.join(' ');
}

/** The time of a message.
 * @param {string} instant */
export function timeLabel(instant) {
    const date = new Date(instant);
    return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** When something was, short enough for the list.
 * @param {string} instant
 * @param {Date} [now] */
export function shortLabel(instant, now = new Date()) {
    const age = daysBetween(dayOf(instant), dayOf(now));
    if (age <= 0)
        return timeLabel(instant);
    if (age === 1)
        return texts.yesterday.toLowerCase();
    const date = new Date(instant);
    if (age < 7)
        return texts.weekdays[date.getDay()];
    return [date.getDate(), date.getMonth() + 1, date.getFullYear() % 100].map(two).join('/');
}
