// docs/schemas by Ajv: each is a schema, its examples and document C's are valid, and what lacks a
// required member or has a wrong one is not.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';

import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const root = new URL('../../', import.meta.url);
const folder = new URL('docs/schemas/', root);
const read = (url) => JSON.parse(readFileSync(url, 'utf8'));
const SHARED = ['envelope.json', 'envelope.server.json'];

const schemas = new Map(readdirSync(folder).map((file) => [file, read(new URL(file, folder))]));
const documents = read(new URL('tests/document_c/examples.json', root)).messages;

// Strict: an unknown word in a schema is a slip of the pen, not an extension.
const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: true });
addFormats(ajv);
for (const schema of schemas.values()) ajv.addSchema(schema);

const validatorOf = (file) => ajv.getSchema(file);
const messageSchemas = [...schemas].filter(([file]) => !SHARED.includes(file));
const fileOf = (message) => `${message.type ?? 'channel.message'}.json`;

/** A deep copy with one member changed by `change(parent, key)`. */
function changed(message, path, change) {
  const copy = structuredClone(message);
  const parent = path.slice(0, -1).reduce((at, key) => at[key], copy);
  change(parent, path.at(-1));
  return copy;
}

/** Paths of the members that a schema requires, as far as the message has their parents. */
function requiredPaths(schema, message, path = []) {
  if (schema.$ref) {
    const [file, definition] = schema.$ref.split('#/$defs/');
    const target = schemas.get(file);
    return requiredPaths(definition ? target.$defs[definition] : target, message, path);
  }
  const own = (schema.required ?? []).map((key) => [...path, key]);
  const parts = (schema.allOf ?? []).flatMap((part) => requiredPaths(part, message, path));
  const inner = Object.entries(schema.properties ?? {}).flatMap(([key, property]) => {
    const value = message?.[key];
    return value && typeof value === 'object' ? requiredPaths(property, value, [...path, key]) : [];
  });
  const items = Array.isArray(message) && message.length > 0 && schema.items;
  const first = items ? requiredPaths(schema.items, message[0], [...path, 0]) : [];
  return [...own, ...parts, ...inner, ...first];
}

test('every file is a schema named after its message', () => {
  assert.ok(messageSchemas.length > 40);
  for (const [file, schema] of schemas) {
    assert.equal(schema.$id, file);
    assert.ok(validatorOf(file), file);
    assert.ok(schema.title && schema.description.endsWith('.'), file);
  }
  for (const [file, schema] of messageSchemas) {
    const type = schema.properties.type?.const;
    assert.equal(type ?? 'channel.message', file.replace(/\.json$/, ''));
  }
});

test('every message has examples, and they are valid', () => {
  for (const [file, schema] of messageSchemas) {
    assert.ok(schema.examples?.length > 0, `${file} has no example`);
    for (const example of schema.examples) {
      const validate = validatorOf(file);
      assert.ok(validate(example), `${file}: ${ajv.errorsText(validate.errors)}`);
    }
  }
});

test('document C\'s messages are valid', () => {
  assert.equal(documents.length, 17);
  for (const { name, message } of documents) {
    const validate = validatorOf(fileOf(message));
    assert.ok(validate?.(message), `${name}: ${ajv.errorsText(validate?.errors)}`);
  }
});

test('a member more is allowed everywhere, a required one less nowhere', () => {
  let tried = 0;
  const all = messageSchemas.flatMap(([, schema]) => schema.examples);
  for (const message of [...all, ...documents.map((one) => one.message)]) {
    const file = fileOf(message);
    const validate = validatorOf(file);
    assert.ok(validate({ ...message, 'x-more': [1] }), file);
    if (message.payload) {
      assert.ok(validate({ ...message, payload: { ...message.payload, 'x-more': 1 } }), file);
    }
    for (const path of requiredPaths(schemas.get(file), message)) {
      const less = changed(message, path, (parent, key) => delete parent[key]);
      assert.ok(!validate(less), `${file} doesn't miss ${path.join('.')}`);
      tried += 1;
    }
    if (message.type) assert.ok(!validate({ ...message, type: 'another' }), file);
  }
  assert.ok(tried > 200, `${tried}`);
});

test('what the server refuses is refused', () => {
  const wrong = [
    ['agent.state.changed', ['payload', 'agentId'], 'a b'],
    ['agent.state.changed', ['payload', 'newState'], 'ASLEEP'],
    ['agent.state.changed', ['payload', 'newState'], 'custom-127'],
    ['agent.state.changed', ['payload', 'newState'], 'custom-256'],
    ['agent.state.changed', ['timestamp'], 'yesterday'],
    ['agent.state.changed', ['id'], ''],
    ['agent.state.changed', ['id'], 'x'.repeat(129)],
    ['agent.state.changed', ['metadata'], { ttl: -1 }],
    ['agent.state.changed', ['metadata'], { ttl: 86_400_001 }],
    ['agent.state.changed', ['metadata'], { priority: 'urgent' }],
    ['agent.state.changed', ['metadata'], { priority: 11 }],
    ['agent.state.changed', ['payload'], []],
    ['agent.performance.update', ['payload', 'metrics', 'successRate'], 1.5],
    ['agent.performance.update', ['payload', 'trends', 'loadTrend'], 'improving'],
    ['agent.capability.update', ['payload', 'action'], 'grow'],
    ['agent.capability.update', ['payload', 'capability', 'level'], 11],
    ['message.sent', ['payload', 'to'], []],
    ['message.sent', ['payload', 'to'], Array(257).fill({ id: 'a' })],
    ['coordination.initiated', ['payload', 'parameters', 'consensusThreshold'], 0],
    ['coordination.initiated', ['payload', 'parameters', 'timeout'], 3_600_001],
    ['coordination.initiated', ['payload', 'participants', 0, 'role'], 'judge'],
    ['coordination.progress', ['payload', 'votes', 'agent-001', 'vote'], 'maybe'],
    ['control.execute', ['payload', 'timeout'], 0],
    ['control.multi-agent.configure', ['payload', 'multi-agentId'], ''],
    ['control.multi-agent.configure', ['payload', 'configuration', 'faultTolerance', 'heartbeatInterval'], 99],
    ['compression.negotiate', ['preferredLevel'], 10],
    ['channel.create', ['channelId'], 'a b'],
    ['channel.create', ['bufferSize'], 10_001],
    ['channel.create', ['overflow'], 'wait'],
    ['error', ['payload', 'code'], 'NO_SUCH_CODE'],
  ];
  for (const [name, path, value] of wrong) {
    const { message } = documents.find((one) => one.name === name);
    const bad = changed(message, path, (parent, key) => { parent[key] = value; });
    assert.ok(!validatorOf(`${name}.json`)(bad), `${name}: ${path.join('.')} = ${JSON.stringify(value)}`);
  }
});

test('who wants an ack gives an id', () => {
  const { id, ...message } = documents.find((one) => one.name === 'agent.state.changed').message;
  const validate = validatorOf('agent.state.changed.json');
  assert.ok(validate(message));
  assert.ok(validate({ ...message, metadata: { ack: false } }));
  assert.ok(!validate({ ...message, metadata: { ack: true } }));
  assert.ok(validate({ ...message, id, metadata: { ack: true } }));
});

test('what the server takes in several forms is taken', () => {
  const right = [
    ['agent.state.changed', ['payload', 'newState'], 'executing'],
    ['agent.state.changed', ['payload', 'newState'], 'CUSTOM_0xC8'],
    ['agent.state.changed', ['payload', 'newState'], 'custom-255'],
    ['agent.state.changed', ['metadata'], { priority: 'HIGH', ttl: 0, ack: true }],
    ['agent.state.changed', ['metadata'], { priority: 10 }],
    ['agent.capability.update', ['payload', 'action'], 'REMOVE'],
    ['coordination.progress', ['payload', 'votes', 'agent-001', 'vote'], 'Abstain'],
    ['channel.create', ['overflow'], 'Drop-Newest'],
  ];
  for (const [name, path, value] of right) {
    const { message } = documents.find((one) => one.name === name);
    const good = changed(message, path, (parent, key) => { parent[key] = value; });
    const validate = validatorOf(`${name}.json`);
    assert.ok(validate(good), `${name}: ${ajv.errorsText(validate.errors)}`);
  }
});
