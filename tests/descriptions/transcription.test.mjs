// tests/document_c/examples.json against document C itself, letter by letter.
//
// The document isn't part of the repository. Where it lies beside it, in ../shared/seeds, every
// JSON example in it must be in the transcription and the other way round; elsewhere only what
// the transcription says of itself is checked.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';

const root = new URL('../../', import.meta.url);
const seeds = new URL('../shared/seeds/', root);
const transcribed = JSON.parse(
  readFileSync(new URL('tests/document_c/examples.json', root), 'utf8'),
);

const DIRECTIONS = ['client-to-server', 'server-to-client', 'either'];

/** The lines of the document whose title the transcription names, or undefined. */
function documentLines() {
  if (!existsSync(seeds)) return undefined;
  for (const name of readdirSync(seeds)) {
    const text = readFileSync(new URL(name, seeds), 'utf8');
    if (text.startsWith(`# ${transcribed.document}\n`)) return text.split('\n');
  }
  return undefined;
}

/** Every top-level object of the document's fenced JSON: its text, line and section. */
function examplesOf(lines) {
  const found = [];
  let fence = null;
  let section = '';
  let open = null;
  lines.forEach((line, index) => {
    if (line.startsWith('```')) fence = fence === null ? line.slice(3) : null;
    else if (fence === null && line.startsWith('#')) section = line.replace(/^#+ /, '');
    else if (fence === 'json' && line === '{') open = index;
    else if (fence === 'json' && line === '}') {
      const text = lines.slice(open, index + 1).join('\n');
      found.push({ section, line: open + 1, text });
    }
  });
  return found;
}

/** Cells of the Markdown table whose head begins with `head`. */
function tableOf(lines, head) {
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`)) + 2;
  const end = lines.findIndex((line, index) => index >= start && !line.startsWith('|'));
  return lines.slice(start, end).map((line) => line.slice(2, -2).split(' | '));
}

const withoutComments = (text) => text.replace(/\/\*[^*]*\*\//g, '');

test('each message is what its text says, in the same order', () => {
  assert.ok(transcribed.messages.length > 0);
  for (const { name, text, message } of transcribed.messages) {
    // Text and not objects are compared: the order of keys is part of a transcription.
    assert.equal(JSON.stringify(JSON.parse(withoutComments(text))), JSON.stringify(message), name);
  }
});

test('names are those of the messages, once each', () => {
  const names = transcribed.messages.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, message, direction } of transcribed.messages) {
    assert.equal(name, message.type ?? 'channel message');
    assert.ok(DIRECTIONS.includes(direction), `${name}: ${direction}`);
  }
});

const lines = documentLines();
const skip = lines === undefined && 'document C is not beside the repository, in ../shared/seeds';

test('every example of the document is there, letter by letter', { skip }, () => {
  const written = transcribed.messages.map(({ section, line, text }) => ({ section, line, text }));
  assert.deepEqual(written, examplesOf(lines));
});

test('paths, headers, message types and error codes are the document\'s', { skip }, () => {
  const text = lines.join('\n');
  const paths = [...text.matchAll(/wss:\/\/[^/\s]+(\/[a-z/]+)/g)].map((match) => match[1]);
  assert.deepEqual(transcribed.endpoints, paths);
  const headers = [...text.matchAll(/^ {4}'([\w-]+)': ['`]([^'`]+)['`]/gm)];
  assert.deepEqual(Object.entries(transcribed.headers), headers.map(([, name, value]) => [name, value]));
  const types = [...text.matchAll(/^ {2}([A-Z_]+) = (0x[0-9A-F]{2})/gm)];
  assert.deepEqual(
    Object.entries(transcribed.binaryMessageTypes),
    types.map(([, name, value]) => [name, value]),
  );
  const codes = tableOf(lines, 'Code');
  assert.deepEqual(
    transcribed.errorCodes.map(({ code, description, recoverable }) => [code, description, recoverable]),
    codes,
  );
});
