/**
 * @file An operation: what goes in, what comes out, examples, the form to try it.
 */

import { element, fold, inline, json, prose } from "./markup.mjs";
import { Trial } from "./trial.mjs";

/**
 * @param {import("./openapi.mjs").OpenApi} openapi
 * @param {import("./schema-view.mjs").SchemaView} schemas
 * @param {object} operation
 * @param {() => string} key the API key to send, if any
 * @returns {HTMLDetailsElement}
 */
export function operationView(openapi, schemas, operation, key) {
  const summary = [
    element("span.method", { "data-method": operation.method }, operation.method.toUpperCase()),
    element("span.path", {}, operation.path),
    element("span.summary", {}, operation.summary),
  ];
  const attributes = { id: operation.operationId, "data-testid": `operation-${operation.operationId}` };
  return fold("details.operation", attributes, summary, () => [
    element("div.operation-text", {}, prose(operation.description), scopes(operation)),
    parameters(openapi, schemas, operation),
    request(openapi, schemas, operation),
    answers(openapi, schemas, operation),
    fold("details.part", {}, [element("h4", {}, "Try it")], () => [
      new Trial(openapi, operation, key).show(),
    ]),
  ].filter(Boolean));
}

function scopes(operation) {
  const names = operation["x-agnt-scopes"] ?? [];
  const marked = names.flatMap((name, at) => [at > 0 ? " or " : "", element("code", {}, name)]);
  return names.length > 0 ? element("p.note", {}, "Needs the scope ", marked, ".") : null;
}

function parameters(openapi, schemas, operation) {
  const rows = (operation.parameters ?? []).map((parameter) =>
    element(
      "li",
      {},
      element(
        "div.field",
        {},
        element("span.field-name", {}, parameter.name),
        element("span.field-type", {}, parameter.in),
        parameter.required ? element("span.field-required", {}, "required") : null,
        element("span.field-text", {}, inline(parameter.description)),
        schemas.show(parameter.schema ?? {}),
      ),
    ),
  );
  return rows.length > 0 ? part("Parameters", element("ul.fields", {}, rows)) : null;
}

function request(openapi, schemas, operation) {
  const body = openapi.body(operation);
  if (!body) {
    return null;
  }
  const example = "example" in body ? [exampleOf(body.example)] : [];
  return part(`Body: ${schemas.title(body.schema)}`, schemas.show(body.schema), example);
}

function answers(openapi, schemas, operation) {
  const rows = Object.entries(operation.responses).map(([status, response]) => {
    const found = openapi.found(response);
    const summary = [
      element("span.status", { "data-good": String(Number(status) < 400) }, status),
      element("span", {}, found.description),
    ];
    const content = Object.entries(found.content ?? {});
    if (content.length === 0) {
      return element("div.response", {}, summary);
    }
    return fold("details.response", {}, summary, () => content.flatMap((one) => media(schemas, one)));
  });
  return part("Answers", rows);
}

function media(schemas, [type, { schema, example, examples = {} }]) {
  const shown = [example, ...Object.values(examples).map((one) => one.value)];
  return [
    element("p.note", {}, `${type}: ${schemas.title(schema)}`),
    schemas.show(schema),
    ...shown.filter((value) => value !== undefined).map(exampleOf),
  ];
}

function exampleOf(value) {
  return fold("details.example", {}, ["Example"], () => [json(value)]);
}

function part(title, ...children) {
  return element("section.part", {}, element("h4", {}, title), children);
}
