/**
 * Colours: light and dark, each the value of a `--messagerie-…` property where the page that embeds
 * sets one. All pairs of text and ground have a contrast of at least 4.5.
 *
 * Which of the two follows the page: it is light, as pages are, unless the page declares a
 * `color-scheme`, or the element's attribute data-theme says something else.
 */

const colours = {
    background: ['#fbfaf8', '#15191c'],
    side: ['#f4f1ec', '#101416'],
    surface: ['#ffffff', '#222a2e'],
    text: ['#1d2226', '#e9ecec'],
    muted: ['#5a636a', '#a3adb2'],
    line: ['#e3ded6', '#2b3337'],
    accent: ['#0f665c', '#62c8b4'],
    'on-accent': ['#ffffff', '#06231e'],
    own: ['#0f665c', '#1d5a50'],
    'on-own': ['#ffffff', '#f0fbf8'],
    tint: ['#dcebe6', '#1b3833'],
    alert: ['#a8321f', '#ff9c8a'],
    warning: ['#fbeecb', '#3a2f10'],
    'on-warning': ['#5b4300', '#f6dc98'],
};
/** What follows another colour of the embedding page, unless it is set itself. */
const fallbacks = { own: ['accent'], 'on-own': ['on-accent'] };

const light = (values) => values[0];
const dark = (values) => values[1];
const either = (values) => `light-dark(${values})`;

function declarations(choose) {
    return Object.entries(colours).map(([name, values]) =>
        `--${name}:${[name, ...fallbacks[name] ?? []].reduceRight(
            (value, own) => `var(--messagerie-${own},${value})`, choose(values))}`).join(';');
}

/** The style sheet that sets `--background`, `--text` … Browsers that cannot tell which of two colours
 * a scheme wants are light unless told. */
export function paletteSheet() {
    return `.frame{${declarations(light)}}` +
        ':host([data-theme=light]) .frame{color-scheme:light}' +
        ':host([data-theme=auto]) .frame{color-scheme:light dark}' +
        `:host([data-theme=dark]) .frame{${declarations(dark)};color-scheme:dark}` +
        `@supports (color:light-dark(red,red)){.frame.frame{${declarations(either)}}}`;
}
