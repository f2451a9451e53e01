/** How one chooses to be told of new messages. */

import sheet from './menu.css';
import { openBelow } from './popover.js';
import { isAllowed, readSettings, writeSettings } from './settings.js';
import { playSound } from './sound.js';

const texts = {
    title: 'Nouveaux messages',
    notifications: 'Notifications du navigateur',
    sound: 'Son discret',
    refused: 'Votre navigateur les refuse : autorisez-les pour ce site dans ses réglages.',
    impossible: 'Votre navigateur n’en affiche pas ici.',
    hint: 'Tant que la messagerie est ouverte, même derrière une autre page.',
};

/**
 * Opens the choice below its button.
 * @param {import('../kit.js').Kit} kit
 * @param {HTMLElement} button
 */
export function openNotifications(kit, button) {
    if (button.getAttribute('aria-expanded') === 'true')
        return;
    const { element } = kit;
    const settings = readSettings();
    const hint = element('p', { role: 'status', text: 'Notification' in window ? texts.hint : texts.impossible });
    const choice = (text, isOn, onchange) => {
        const box = element('input', { type: 'checkbox', checked: isOn, onchange: () => onchange(box) });
        return element('label', {}, box, text);
    };
    const notifications = choice(texts.notifications, settings.isOn, async (box) => {
        if (box.checked && !isAllowed())
            await Notification.requestPermission();
        settings.isOn = box.checked && isAllowed();
        hint.textContent = box.checked && !settings.isOn ? texts.refused : texts.hint;
        box.checked = settings.isOn;
        writeSettings(settings);
    });
    notifications.firstChild.disabled = !('Notification' in window);
    openBelow(kit, button, element('div', {
        class: 'menu choices', role: 'dialog', 'aria-label': texts.title, tabindex: '-1',
    }, notifications, choice(texts.sound, settings.hasSound, (box) => {
        settings.hasSound = box.checked;
        writeSettings(settings);
        if (box.checked)
            playSound();
    }), hint), sheet);
}
