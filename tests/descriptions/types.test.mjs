// The message types of docs/schemas and those that the server's sources name are the same.
//
// A look at the text: types stand there as string literals.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

// Not types of messages: what all stand in, and what has no type.
const UNTYPED = ['envelope', 'envelope.server', 'channel.message'];
const FAMILIES = 'agent|channel|compression|connection|control|coordination|graph|message|rtc|stream|system|version';

const described = readdirSync(join(root, 'docs/schemas'))
  .map((file) => file.replace(/\.json$/, ''))
  .filter((name) => !UNTYPED.includes(name));

/**
 * The server's sources without their tests, and without the speech of documents A and B: that
 * has types of its own, which docs/agent-api.md and the OpenAPI documents describe.
 */
const sources = readdirSync(join(root, 'src'), { recursive: true })
  .filter((file) => file.endsWith('.rs') && !/tests|dialect.agents/.test(file))
  .map((file) => readFileSync(join(root, 'src', file), 'utf8').split('#[cfg(test)]')[0])
  .join('\n');

const escaped = (text) => text.replaceAll('.', '\\.');

test('every described type is one that the server knows', () => {
  // In a literal of its own, or within one that is JSON.
  const unknown = described.filter((type) => !new RegExp(`"${escaped(type)}\\\\?"`).test(sources));
  assert.deepEqual(unknown, []);
});

test('every type that the server knows is described', () => {
  const named = [...sources.matchAll(new RegExp(`"((?:${FAMILIES})\\.[a-z][a-z.-]*[a-z])\\\\?"`, 'g'))];
  const types = new Set(named.map((match) => match[1]));
  assert.ok(types.size > 20, `${types.size}`);
  assert.deepEqual([...types].filter((type) => !described.includes(type)), []);
});
