// Where things are, and what kind of run this is.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const SOURCE = fileURLToPath(new URL('../../..', import.meta.url));
export const BUILD = process.env.MESSAGERIE_BUILD ?? join(SOURCE, 'build');

/** `make check-all` and the like ask for what takes long. */
export const isLong = process.env.MESSAGERIE_TEST_LONG === '1';

/** Whether the programs were built with sanitizers, which take memory of their own. */
export const isSanitized =
    /^SANITIZER_FLAGS = \S/m.test(readFileSync(join(BUILD, 'Makefile'), 'utf8'));
