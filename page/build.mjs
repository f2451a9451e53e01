/**
 * Builds the page and the widget: `node build.mjs PACKAGES OUTPUT`, which `make page` calls.
 *
 *   PACKAGES  folder with the node_modules of package-lock.json
 *   OUTPUT    folder that is made anew; the files are in its `messagerie`, as in their addresses
 *
 * The same sources and packages give the same bytes. Files whose content is part of their name may
 * be kept for ever; index.html, manifest.webmanifest and messagerie.js, whose names stay, say which
 * ones are current.
 */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** Where the web server has the files. */
const PREFIX = '/messagerie/';
/** Shorter files are sent as they are. */
const COMPRESSED_FROM_BYTES = 512;
const ICONS = ['icon.svg', 'icon-unread.svg', 'icon-192.png'];
const TARGET = ['chrome111', 'firefox113', 'safari16.4'];

const source = dirname(fileURLToPath(import.meta.url));
const [packages, www] = process.argv.slice(2).map((path) => resolve(path));
if (!www || !existsSync(packages))
    throw new Error('usage: node build.mjs PACKAGES OUTPUT');
const output = join(www, PREFIX);
const esbuild = createRequire(join(packages, 'package.json'))('esbuild');

/** Style sheets become texts of the module: shadow roots adopt them. */
const cssAsText = {
    name: 'css-as-text',
    setup(build) {
        build.onLoad({ filter: /\.css$/ }, async ({ path }) => ({
            contents: await minifyCss(path), loader: 'text',
        }));
    },
};

async function minifyCss(path) {
    const { code } = await esbuild.transform(readFileSync(path, 'utf8'),
        { loader: 'css', minify: true, target: TARGET });
    return code.trim();
}

/** Parts of socket.io-client that nothing uses here: the transport is one of two others, and no event
 * holds anything but JSON. */
const unused = {
    'transports/webtransport.js': 'export class WT {}',
    'esm/binary.js': 'export const deconstructPacket = undefined, reconstructPacket = undefined;',
    'esm/is-binary.js': 'export const isBinary = () => false, hasBinary = isBinary;',
};
const withoutUnused = {
    name: 'without-unused',
    setup(build) {
        build.onLoad({ filter: /node_modules\/(engine\.io-client|socket\.io-parser)\// }, ({ path }) => {
            const part = Object.keys(unused).find((one) => path.endsWith(`/${one}`));
            leftOut.add(part);
            return part && { contents: unused[part], loader: 'js' };
        });
    },
};
const leftOut = new Set();

/** What is loaded when it is used (`import()`): a file of its own, by its name with a hash. */
const loadedLater = {
    name: 'loaded-later',
    setup(build) {
        build.onResolve({ filter: /^\./ }, async ({ kind, path, resolveDir }) => {
            if (kind !== 'dynamic-import')
                return undefined;
            const { code, inputs: own } = await bundle(join(resolveDir, path));
            later.push(...own);
            return { path: `./${writeHashed(basename(path), code)}`, external: true };
        });
    },
};
/** What is in these files. */
const later = [];

async function bundle(entry) {
    const { outputFiles, metafile } = await esbuild.build({
        entryPoints: [entry],
        absWorkingDir: source,
        nodePaths: [join(packages, 'node_modules')],
        plugins: [cssAsText, withoutUnused, loadedLater],
        bundle: true,
        write: false,
        metafile: true,
        minify: true,
        format: 'esm',
        platform: 'browser',
        target: TARGET,
        charset: 'utf8',
        legalComments: 'none',
        outdir: output,
    });
    return { code: outputFiles[0].text, inputs: Object.keys(metafile.inputs) };
}

/** The licences of what is bundled, which ask to go with it. */
function licences(inputs) {
    const names = new Set(inputs.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
        .filter(Boolean));
    return [...names].sort().map((name) => {
        const folder = join(packages, 'node_modules', name);
        const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
        const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
        const text = file ? readFileSync(join(folder, file), 'utf8').trim() : license;
        return `${name} ${version}\n\n${text}\n`;
    }).join('\n----\n\n');
}

function write(name, content) {
    const bytes = Buffer.from(content);
    writeFileSync(join(output, name), bytes);
    if (bytes.length >= COMPRESSED_FROM_BYTES && !name.endsWith('.png'))
        writeFileSync(join(output, `${name}.gz`), gzipSync(bytes, { level: 9 }));
}

/** Writes a file under a name with a hash of its content; gives that name. */
function writeHashed(name, content) {
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
    const hashed = name.replace(/(\.\w+)$/, `-${hash}$1`);
    write(hashed, content);
    return hashed;
}

rmSync(www, { recursive: true, force: true });
mkdirSync(output, { recursive: true });

const { code, inputs } = await bundle(join(source, 'src/messagerie.js'));
const unknown = Object.keys(unused).filter((part) => !leftOut.has(part));
if (unknown.length > 0)
    throw new Error(`socket.io-client has no longer: ${unknown}`);
const doubled = later.filter((path) => inputs.includes(path));
if (doubled.length > 0)
    throw new Error(`loaded at once and once more later (see src/kit.js): ${doubled}`);
const names = {
    'messagerie.js': writeHashed('messagerie.js', code),
    'page.css': writeHashed('page.css', await minifyCss(join(source, 'page.css'))),
    ...Object.fromEntries(ICONS.map((name) => [name, writeHashed(name, readFileSync(join(source, name)))])),
};
/** A file that names others as %name%. */
const withNames = (name) => readFileSync(join(source, name), 'utf8')
    .replace(/%([\w.-]+)%/g, (_, other) => PREFIX + names[other]);
write('messagerie.js', `export * from '${PREFIX}${names['messagerie.js']}';\n`);
write('licences.txt', licences([...inputs, ...later]));
write('manifest.webmanifest', withNames('manifest.webmanifest'));
write('index.html', withNames('index.html'));
