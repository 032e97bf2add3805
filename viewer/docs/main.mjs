/**
 * @file The page that shows both OpenAPI documents: which, what of it, and where in it.
 *
 * The address names the place: `#api-v1/createTask`.
 */

import { element, inline, prose } from "./markup.mjs";
import { OpenApi } from "./openapi.mjs";
import { operationView } from "./operation-view.mjs";
import { SchemaView } from "./schema-view.mjs";

const DOCUMENTS = ["v1", "api-v1"];

const part = (name) => document.querySelector(`[data-testid="${name}"]`);
const parts = {
  contents: part("contents"),
  dialects: part("dialects"),
  key: part("key"),
  main: part("main"),
  search: part("search"),
  source: part("source"),
};
let shown = "";

/** What the address names: a document, and an operation of it or none. */
function place() {
  const [name, operation = ""] = location.hash.slice(1).split("/");
  return { name: DOCUMENTS.includes(name) ? name : DOCUMENTS[0], operation };
}

function showDialects(openapis) {
  const links = DOCUMENTS.map((name, at) =>
    element("a", { href: `#${name}`, "data-testid": `dialect-${name}` }, openapis[at].base),
  );
  parts.dialects.replaceChildren(...links);
}

function show(openapi, name) {
  const schemas = new SchemaView(openapi);
  const key = () => parts.key.value.trim();
  const sections = openapi.tags.map((tag) =>
    element(
      "section.tag",
      {},
      element("h2", {}, tag.name),
      element("p.note", {}, inline(tag.description)),
      tag.operations.map((operation) => operationView(openapi, schemas, operation, key)),
    ),
  );
  const head = [element("h1", {}, openapi.info.title), ...prose(openapi.info.description)];
  parts.main.replaceChildren(element("header.about", {}, head), ...sections);
  const lists = openapi.tags.map((tag) => [
    element("h3", {}, tag.name),
    element(
      "ul",
      {},
      tag.operations.map(({ operationId, summary }) =>
        element("li", {}, element("a", { href: `#${name}/${operationId}` }, summary)),
      ),
    ),
  ]);
  parts.contents.replaceChildren(...lists.flat());
  parts.source.href = `/openapi/${name}.json`;
  document.title = `AGNT: ${openapi.info.title}`;
  for (const link of parts.dialects.children) {
    link.setAttribute("aria-current", String(link.hash === `#${name}`));
  }
  shown = name;
}

/** Shows what the address names. */
function go(openapis) {
  const { name, operation } = place();
  if (name !== shown) {
    show(openapis[DOCUMENTS.indexOf(name)], name);
    search();
  }
  const target = operation && document.getElementById(operation);
  if (target) {
    target.open = true;
    target.scrollIntoView({ block: "start" });
  } else {
    scrollTo(0, 0);
  }
}

/** Leaves what has all the words that are searched for. */
function search() {
  const words = parts.search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (text) => words.every((word) => text.toLowerCase().includes(word));
  for (const section of parts.main.querySelectorAll(".tag")) {
    const operations = [...section.querySelectorAll(".operation")];
    for (const operation of operations) {
      const text = `${operation.id} ${operation.querySelector("summary").textContent}`;
      operation.hidden = !has(text);
    }
    section.hidden = operations.every((operation) => operation.hidden);
  }
}

try {
  const openapis = await Promise.all(DOCUMENTS.map((name) => OpenApi.read(`/openapi/${name}.json`)));
  showDialects(openapis);
  go(openapis);
  addEventListener("hashchange", () => go(openapis));
  parts.search.addEventListener("input", search);
} catch (error) {
  parts.main.replaceChildren(element("p.failure", { "data-testid": "failure" }, error.message));
}
