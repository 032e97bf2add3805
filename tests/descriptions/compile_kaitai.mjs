// Compiles docs/agnt.ksy with Kaitai's own compiler.
//
//     node compile_kaitai.mjs LANGUAGE FOLDER    writes the parser in that language into the folder
//     node compile_kaitai.mjs                    writes nothing, but every language must be possible

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import compiler from 'kaitai-struct-compiler';
import { load } from 'js-yaml';

const source = readFileSync(new URL('../../docs/agnt.ksy', import.meta.url), 'utf8');

/** What the compiler makes for one language, as texts by the names of their files. */
function compiled(language) {
  return compiler.compile(language, load(source), undefined, false);
}

const [language, folder] = process.argv.slice(2);
if (language) {
  for (const [name, text] of Object.entries(await compiled(language))) {
    writeFileSync(join(folder, name), text);
  }
} else {
  const failed = [];
  for (const name of compiler.languages) {
    try {
      await compiled(name);
    } catch (error) {
      failed.push(`${name}: ${error}`);
    }
  }
  console.log(`${compiler.languages.length} languages, ${failed.length} failed`);
  failed.forEach((line) => console.error(line));
  process.exitCode = failed.length;
}
