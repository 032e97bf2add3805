// docs/asyncapi.json by the AsyncAPI initiative's own parser and by Ajv: valid, standing alone,
// complete, and with examples that are what they are examples of.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';

import { Parser } from '@asyncapi/parser';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docs/asyncapi.json', root), 'utf8');
const api = JSON.parse(text);
const { messages, schemas } = api.components;
const documents = JSON.parse(readFileSync(new URL('tests/document_c/examples.json', root), 'utf8'));

// The parser's severities.
const ERROR = 0;
const WARNING = 1;

/** Errors and warnings of the parser, and whether it made a document of it. */
async function diagnosed(source) {
  const { document, diagnostics } = await new Parser().parse(source);
  const serious = diagnostics.filter(({ severity }) => severity === ERROR || severity === WARNING);
  return { isWhole: document !== undefined, serious };
}

/** The value at a reference within the file. */
function resolved(reference) {
  assert.ok(reference.startsWith('#/'), `${reference} leads out of the file`);
  const keys = reference.slice(2).split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const target = keys.reduce((at, key) => at?.[key], api);
  assert.ok(target !== undefined, `${reference} leads nowhere`);
  return target;
}

function references(value, found = []) {
  if (Array.isArray(value)) value.forEach((one) => references(one, found));
  else if (value && typeof value === 'object') {
    if (typeof value.$ref === 'string') found.push(value.$ref);
    else Object.values(value).forEach((one) => references(one, found));
  }
  return found;
}

test('the parser finds nothing wrong', async () => {
  const { isWhole, serious } = await diagnosed(text);
  assert.deepEqual(serious.map(({ message, path }) => `${path.join('/')}: ${message}`), []);
  assert.ok(isWhole);
});

test('the parser would find something wrong', async () => {
  const channels = { agents: { address: '/x', messages: {} } };
  const small = { ...api, channels, operations: {}, components: {} };
  assert.equal((await diagnosed(JSON.stringify(small))).serious.length, 0);
  const broken = [
    { ...small, asyncapi: '3.9.9' },
    { ...small, operations: { x: { action: 'shout', channel: { $ref: '#/channels/agents' } } } },
    { ...small, operations: { x: { action: 'send', channel: { $ref: '#/channels/nowhere' } } } },
  ];
  for (const one of broken) assert.ok((await diagnosed(JSON.stringify(one))).serious.length > 0);
});

test('every reference leads to something in the file', () => {
  const all = references(api);
  assert.ok(all.length > 500);
  all.forEach(resolved);
});

test('every path of document C and each alias is a channel', () => {
  const addresses = Object.values(api.channels).map(({ address }) => address);
  for (const path of [...documents.endpoints, '/api/visualization/agents/ws']) {
    assert.ok(addresses.includes(path), path);
  }
  assert.equal(new Set(addresses).size, addresses.length);
});

test('every schema is a message, and every message goes some way', () => {
  const files = readdirSync(new URL('docs/schemas/', root)).map((file) => file.replace(/\.json$/, ''));
  const shared = ['envelope', 'envelope.server'];
  for (const name of files.filter((one) => !shared.includes(one))) assert.ok(messages[name], name);
  const used = new Set(Object.values(api.operations).flatMap((operation) => operation.messages)
    .map(({ $ref }) => $ref.split('/').at(-1)));
  assert.deepEqual([...used].sort(), Object.keys(messages).sort());
});

test('every type of frame is a message with frames of it', () => {
  const binary = Object.entries(messages).filter(([, it]) => it.contentType === 'application/octet-stream');
  const types = new Map(binary.map(([, it]) => [it.name, it['x-agnt-type']]));
  for (const [name, number] of Object.entries(documents.binaryMessageTypes)) {
    assert.equal(types.get(name), Number(number), name);
  }
  for (const [key, message] of binary) {
    const frames = message['x-agnt-frames'];
    assert.ok(frames.length > 0, key);
    for (const { hex } of frames) {
      const bytes = Buffer.from(hex, 'hex');
      assert.equal(bytes.toString('latin1', 0, 4), 'AGNT');
      assert.equal(bytes[4], message['x-agnt-type']);
    }
  }
});

test('every example is valid by its message\'s own schema', () => {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv);
  ajv.addSchema({ $id: 'api', components: { schemas } });
  let count = 0;
  for (const [key, message] of Object.entries(messages)) {
    if (message.contentType !== 'application/json') continue;
    const payload = JSON.parse(JSON.stringify(message.payload).replaceAll('"#/', '"api#/'));
    const validate = ajv.compile(payload);
    assert.ok(message.examples?.length > 0 || key.endsWith('.server'), `${key} has no example`);
    for (const { payload: example } of message.examples ?? []) {
      assert.ok(validate(example), `${key}: ${ajv.errorsText(validate.errors)}`);
      assert.ok(!validate([]), key);
      count += 1;
    }
    if (key.endsWith('.server')) {
      const bare = { type: message.name, payload: message.examples?.[0]?.payload.payload };
      assert.ok(!validate(bare), `${key} needs an id and a timestamp`);
    }
  }
  assert.ok(count > 80, `${count}`);
});

test('document C\'s messages are examples, as they stand there', () => {
  for (const { name, message } of documents.messages) {
    const key = name === 'channel message' ? 'channel.message' : name;
    const shown = messages[key].examples.map(({ payload }) => JSON.stringify(payload));
    assert.ok(shown.includes(JSON.stringify(message)), name);
  }
});

test('the query keys and headers are told on every channel', () => {
  for (const channel of Object.values(api.channels)) {
    const { query, headers, method } = channel.bindings.ws;
    assert.equal(method, 'GET');
    assert.deepEqual(Object.keys(query.properties).sort(), ['json_hz', 'protocols', 'role', 'stream']);
    for (const header of Object.keys(documents.headers)) assert.ok(headers.properties[header], header);
  }
});
