// What one has written is not lost: not by a token, a move, a reload, a site that fails. And it is
// nobody else's.

import assert from 'node:assert/strict';

import { until } from '../harness/conditions.mjs';
import { BROKER, CLIENT, CONVERSATIONS_PROGRAM, MESSAGES } from '../harness/demo.mjs';
import { describeSite } from '../harness/site.mjs';

const OTHER_CLIENT = 'demo-karim';
const ERASED = 'demo-hugo';
const DRAFT = 'Un long message que j’écris depuis dix minutes';

const GIVEN = `const widget = document.querySelector('messagerie-conversation');
    widget.token = await (await fetch('/token')).text();`;
// As README says.
const ASKED = `const widget = document.querySelector('messagerie-conversation');
    widget.addEventListener('messagerie-token-needed', () => { document.title = 'jeton ?'; });
    widget.getToken = async () => {
        const answer = await fetch('/token');
        if (!answer.ok)
            throw new Error('no token: ' + answer.status);
        return answer.text();
    };`;

await describeSite('what one has written', ({ demo, test, site, visit }) => {
    const tokenOf = (personId) => demo.person(personId).token;

    /** A client's window on the site, with the widget, and that person's conversation open in it. */
    async function begin(conversation, { person = CLIENT, script = GIVEN, attributes, tokens } = {}) {
        site.serve('/', { script, attributes });
        site.tokens = tokens ?? [tokenOf(person)];
        const visitor = await visit('/');
        await visitor.row(conversation.subject).click();
        await visitor.sees('est confirmé');
        return visitor;
    }

    const widgetDoes = (visitor, body, argument) => visitor.page.evaluate(
        `(async (widget, argument) => { ${body} })(
            document.querySelector('messagerie-conversation'), ${JSON.stringify(argument)})`);

    const kept = (visitor) => visitor.page.evaluate(() =>
        [...Object.entries(sessionStorage), ...Object.entries(localStorage)]
            .filter(([key]) => key.startsWith('messagerie ')).flat().join('\n'));

    test('tokens, callbacks, attributes and moves change nothing of what one does', async () => {
        const conversation = await demo.book({ prestation: 'Brouillon' });
        const visitor = await begin(conversation);
        await visitor.isConnected();
        await visitor.box.fill(DRAFT);
        const sockets = [];
        visitor.page.on('websocket', (socket) => sockets.push(socket.url()));
        const fresh = [];
        for (let lifetime = 1000; lifetime < 1003; lifetime++)
            fresh.push(await demo.tool('token', CLIENT, '--role', 'client', '--ttl', String(lifetime)));
        const changes = {
            'fresh tokens': [`for (const token of argument) {
                widget.token = token; await undefined; await undefined; }`, fresh],
            'the same token': ['widget.token = argument;', fresh[2]],
            'other callbacks': [`for (let i = 0; i < 20; i++) {
                widget.getToken = async () => argument; await undefined; await undefined; }`, fresh[1]],
            'another spelling of the server': [
                'widget.setAttribute(\'server\', argument.toUpperCase() + \'/messagerie?x\');', demo.origin],
            'a move': ['document.body.prepend(widget);'],
            'a move by way of nowhere': [`widget.remove();
                await new Promise(requestAnimationFrame);
                document.querySelector('#around').append(widget);`],
            'another place for drafts': ['widget.setAttribute(\'keep\', \'local\');'],
            'something that is no token': ['widget.token = \'<html>502 Bad Gateway</html>\';'],
        };
        for (const [name, [body, argument]] of Object.entries(changes)) {
            await widgetDoes(visitor, body, argument);
            assert.equal(await visitor.box.inputValue(), DRAFT, name);
            await visitor.isConnected();
            assert.ok(await visitor.message('est confirmé').isVisible(), name);
        }
        await visitor.box.press('Enter');
        await visitor.seesState(DRAFT, 'sent');
        assert.deepEqual(sockets, []);
        assert.equal(await kept(visitor).then((text) => text.includes(DRAFT)), false);
    });

    test('a token that has ended: what is written meanwhile waits for the next one', async () => {
        const conversation = await demo.book({ prestation: 'Session' });
        const visitor = await begin(conversation, {
            script: `${GIVEN} widget.addEventListener('messagerie-token-needed', () => {
                document.title = 'jeton ?'; });`,
            tokens: [await demo.tool('token', CLIENT, '--role', 'client', '--ttl', '8')],
        });
        await visitor.box.fill(DRAFT);
        await until('the site is told', async () => await visitor.page.title() === 'jeton ?');
        await visitor.page.getByRole('alert').getByText('Votre session est terminée').waitFor();
        await visitor.write('écrit sans jeton');
        await visitor.box.fill(DRAFT);
        await widgetDoes(visitor, 'widget.token = argument;', tokenOf(CLIENT));
        await visitor.seesState('écrit sans jeton', 'sent');
        assert.equal(await visitor.box.inputValue(), DRAFT);
        await visitor.page.getByText('Votre session est terminée').waitFor({ state: 'detached' });
        assert.deepEqual((await demo.messages(CLIENT, conversation.id)).slice(1)
            .map(({ content }) => content), ['écrit sans jeton']);
    });

    for (const [why, answers, says] of [
        ['fails', [{ status: 502, body: '' }, { status: 502, body: '' }], /injoignable/],
        ['gives something else', ['<html>Connexion</html>', ''], /session est terminée/],
    ])
        test(`a site that first ${why} is asked again, at once when one wants`, async () => {
            const conversation = await demo.book({ prestation: 'Jeton' });
            site.serve('/', { script: ASKED });
            site.tokens = [...answers, tokenOf(CLIENT)];
            const visitor = await visit('/');
            await visitor.page.getByText(says).waitFor();
            await visitor.row(conversation.subject).waitFor();

            site.tokens = [...answers, ...Array(20).fill({ status: 503, body: '' }), tokenOf(CLIENT)];
            await visitor.page.reload();
            await visitor.page.getByText(says).waitFor();
            site.tokens = [tokenOf(CLIENT)];
            // The page may have asked again by itself just now.
            const click = visitor.page.getByRole('button', { name: 'Réessayer' }).click();
            await Promise.race([click, visitor.row(conversation.subject).waitFor()]);
            click.catch(() => {});
            await visitor.row(conversation.subject).waitFor();
            visitor.problems = visitor.problems.filter((problem) => !/no token/.test(problem));
        });

    test('a reload loses neither draft nor message, and the message arrives once', async () => {
        const conversation = await demo.book({ prestation: 'Métro' });
        const visitor = await begin(conversation, { tokens: [tokenOf(CLIENT), tokenOf(CLIENT)] });
        await visitor.isConnected();
        // Stopped, it starts nothing again.
        demo.bootstrap.signal('SIGSTOP');
        try {
            for (const name of [BROKER, MESSAGES, CONVERSATIONS_PROGRAM])
                demo.kill(name);
            await visitor.page.locator('messagerie-conversation:not([data-connection="connected"])')
                .waitFor();
            for (const text of ['Écrit dans le métro', 'et encore'])
                await visitor.write(text);
            await visitor.seesState('et encore', 'sending');
            await visitor.box.pressSequentially('un brouillon');
            await visitor.page.reload();
            await visitor.seesState('et encore', 'sending');
        } finally {
            demo.bootstrap.signal('SIGCONT');
        }
        await visitor.seesState('et encore', 'sent');
        assert.equal(await visitor.box.inputValue(), 'un brouillon');
        const stored = (await demo.messages(CLIENT, conversation.id)).slice(1);
        assert.deepEqual(stored.map(({ content }) => content), ['Écrit dans le métro', 'et encore']);
        assert.equal(new Set(stored.map(({ clientMessageId }) => clientMessageId)).size, 2);
        assert.doesNotMatch(await kept(visitor), /métro|encore/);
        // What nginx alone answers names no origin.
        visitor.problems = visitor.problems.filter((problem) => !/CORS policy/.test(problem));
    });

    test('what was refused is still there after a reload, and goes when it is given up', async () => {
        const conversation = await demo.book({ prestation: 'Refus' });
        const visitor = await begin(conversation, { tokens: Array(3).fill(tokenOf(CLIENT)) });
        await visitor.isConnected();
        await visitor.page.route('**/messaging/conversations/*/messages', (route) =>
            (route.request().method() === 'POST' ? route.fulfill({ status: 400,
                contentType: 'application/json', body: '{"message":"content: non"}',
                headers: { 'access-control-allow-origin': site.origin } }) : route.continue()));
        await visitor.page.routeWebSocket(/socket\.io/, (socket) => socket.close());
        await visitor.page.route('**/socket.io/**', (route) => route.abort());
        await visitor.page.reload();
        await visitor.sees('est confirmé');
        await visitor.write('refusé');
        await visitor.seesState('refusé', 'failed');
        await visitor.page.reload();
        await visitor.seesState('refusé', 'failed');
        await visitor.page.getByRole('button', { name: 'Abandonner' }).click();
        await visitor.message('refusé').waitFor({ state: 'detached' });
        assert.doesNotMatch(await kept(visitor), /refusé/);
    });

    test('with keep="local" a draft outlives its tab, otherwise it does not', async () => {
        for (const [attributes, isThere] of [['keep="local"', true], ['', false]]) {
            const conversation = await demo.book({ prestation: 'Onglet' });
            const visitor = await begin(conversation,
                { attributes, tokens: [tokenOf(CLIENT), tokenOf(CLIENT)] });
            await visitor.box.fill(DRAFT);
            const second = await visitor.newTab();
            await visitor.page.close();
            visitor.page = second;
            await second.goto(`${site.origin}/`);
            await visitor.row(conversation.subject).or(visitor.box).first().waitFor();
            if (!await visitor.box.isVisible())
                await visitor.row(conversation.subject).click();
            await visitor.sees('est confirmé');
            assert.equal(await visitor.box.inputValue(), isThere ? DRAFT : '', attributes);
        }
    });

    test('another person begins anew, and each finds what is theirs', async () => {
        const conversation = await demo.book({ prestation: 'Deux' });
        const others = await demo.book({ prestation: 'Deux aussi', client: OTHER_CLIENT });
        const visitor = await begin(conversation);
        await visitor.box.fill(DRAFT);
        await widgetDoes(visitor, 'widget.token = argument;', tokenOf(OTHER_CLIENT));
        await visitor.row(others.subject).click();
        await visitor.sees('est confirmé');
        assert.equal(await visitor.box.inputValue(), '');
        // Whose token it is shows only when it is asked for.
        await widgetDoes(visitor, 'widget.getToken = async () => argument;', tokenOf(CLIENT));
        await visitor.row(conversation.subject).waitFor();
        await visitor.sees('est confirmé');
        assert.equal(await visitor.box.inputValue(), DRAFT);
    });

    test('after logging out, and after erasure, nothing is left in the browser', async () => {
        const conversation = await demo.book({ prestation: 'Adieu' });
        const visitor = await begin(conversation, { attributes: 'keep="local"' });
        await visitor.box.fill(DRAFT);
        assert.match(await kept(visitor), new RegExp(DRAFT));
        await widgetDoes(visitor, 'widget.token = undefined;');
        await visitor.box.waitFor({ state: 'detached' });
        assert.equal(await kept(visitor), '');
        await widgetDoes(visitor, 'widget.token = argument;', tokenOf(CLIENT));
        await visitor.row(conversation.subject).click();
        await visitor.sees('est confirmé');
        assert.equal(await visitor.box.inputValue(), '');

        const last = await demo.book({ prestation: 'Effacé', client: ERASED });
        const erased = await begin(last, { person: ERASED });
        await erased.isConnected();
        await erased.box.fill(DRAFT);
        await demo.tool('user', 'erase', ERASED);
        await erased.page.getByText('Votre compte a été supprimé').first().waitFor();
        assert.equal(await kept(erased), '');
    });
});
