// What everybody can use: axe-core's rules, nothing wider than the window, and what a screen reader is told.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Asserts that axe-core finds nothing, as rules and what breaks them. */
export async function assertAccessible(page, what) {
    if (!await page.evaluate(() => 'axe' in globalThis))
        await page.evaluate(axe);
    // Of what is right one example is told, since telling takes longer than looking.
    const { violations, passes } = await page.evaluate(() =>
        globalThis.axe.run({ resultTypes: ['violations'] }));
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`),
        [], what);
    assert.ok(passes.some(({ id }) => id === 'color-contrast'), `${what}: axe looked at nothing`);
}

/** Nothing is wider than the window, which would make one scroll to the side. */
export async function assertFits({ page }) {
    const { wide, width } = await page.evaluate(() => ({
        wide: document.scrollingElement.scrollWidth,
        width: document.documentElement.clientWidth,
    }));
    assert.ok(wide <= width, `${wide} px in a window of ${width}`);
}

/** What Chromium hands to screen readers, in the order in which they read: [role, name] of everything
 * that is not passed over. */
export async function readingOrder({ context, page }) {
    const session = await context.newCDPSession(page);
    const { nodes } = await session.send('Accessibility.getFullAXTree');
    await session.detach();
    const byId = new Map(nodes.map((node) => [node.nodeId, node]));
    const order = [];
    const walk = (node) => {
        const role = node.role?.value;
        if (!node.ignored && role !== 'InlineTextBox' && role !== 'ListMarker')
            order.push([role, node.name?.value ?? '']);
        for (const id of node.childIds ?? [])
            walk(byId.get(id));
    };
    walk(nodes[0]);
    return order;
}
