/**
 * @file What the README says is what the repository holds: its programs are the examples, its links lead
 * somewhere, its defaults are the server's.
 *
 * The examples themselves are run by tests/browser/examples.test.mjs.
 */

import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, ROOT), "utf8");
const readme = read("README.md");

/** The fenced blocks of one language, without their fences. */
function blocks(markdown, language) {
  const fenced = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms");
  return [...markdown.matchAll(fenced)].map(([, body]) => body);
}

for (const [language, path] of [
  ["js", "examples/publish.mjs"],
  ["python", "examples/publish.py"],
]) {
  test(`the README's ${language} is ${path}`, () => {
    const [block, ...others] = blocks(readme, language);
    assert.deepEqual(others, []);
    assert.equal(block, read(path));
  });
}

const documents = [
  ...readdirSync(ROOT).filter((name) => name.endsWith(".md")),
  ...readdirSync(new URL("docs/", ROOT)).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];

for (const document of documents) {
  test(`the links of ${document} lead somewhere`, () => {
    const here = new URL(document, ROOT);
    const targets = [...read(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
    const missing = targets
      .filter((target) => !/^(https?:|#)/.test(target))
      .filter((target) => !existsSync(fileURLToPath(new URL(target.split("#")[0], here))));
    assert.deepEqual(missing, []);
  });
}

test("the README's defaults are those of the table of settings", () => {
  const settings = read("src/config/settings.rs");
  const units = { KIB: 1024, MIB: 1024 * 1024 };
  const number = (factor) => units[factor] ?? Number(factor.replaceAll("_", ""));
  const rows = [...readme.matchAll(/^\| `--([a-z-]+) [A-Z]+` \| (\d+) \|/gm)];
  assert.ok(rows.length >= 5, "the table of flags");
  for (const [, flag, shown] of rows) {
    const row = new RegExp(`"${flag}" "[A-Z]+"\\): \\w+ =\\s*([\\w* ]+),`).exec(settings);
    assert.ok(row, `--${flag} is a setting`);
    const value = row[1].split(" * ").map(number).reduce((product, factor) => product * factor);
    assert.equal(String(value), shown, `--${flag}`);
  }
});
