/**
 * @file A schema as a list of fields, each with what it may be; deeper ones on demand.
 */

import { element, fold, inline } from "./markup.mjs";

/** Bounds in words, in the order in which they are read. */
const BOUNDS = [
  ["minimum", (value) => `from ${value}`],
  ["maximum", (value) => `to ${value}`],
  ["minLength", (value) => `${value} characters or more`],
  ["maxLength", (value) => `at most ${value} characters`],
  ["minItems", (value) => `${value} or more`],
  ["maxItems", (value) => `at most ${value}`],
  ["pattern", (value) => value],
  ["default", (value) => `else ${JSON.stringify(value)}`],
];

export class SchemaView {
  #openapi;

  /** @param {import("./openapi.mjs").OpenApi} openapi */
  constructor(openapi) {
    this.#openapi = openapi;
  }

  /**
   * A schema with everything below it.
   *
   * @param {object} schema
   * @returns {HTMLElement}
   */
  show(schema) {
    const found = this.#openapi.found(schema);
    const several = found.anyOf ?? found.oneOf;
    if (several) {
      const each = several.map((one) => this.#entry(this.title(one), one, false));
      return element("div.schema", {}, element("p.note", {}, "one of"), element("ul.fields", {}, each));
    }
    if (found.properties) {
      return element("div.schema", {}, this.#fields(found));
    }
    if (found.items) {
      return element("div.schema", {}, element("p.note", {}, "a list of"), this.show(found.items));
    }
    return element("div.schema", {}, this.#about(found));
  }

  /** What a schema is called: its own name, or its type. */
  title(schema) {
    const found = this.#openapi.found(schema);
    const name = this.#openapi.nameOf(schema);
    if (name) {
      return name;
    }
    if (found.anyOf ?? found.oneOf) {
      return (found.anyOf ?? found.oneOf).map((one) => this.title(one)).join(" or ");
    }
    if (found.type === "array") {
      return `list of ${this.title(found.items)}`;
    }
    return found.format ?? found.type ?? "any";
  }

  #fields(schema) {
    const required = new Set(schema.required ?? []);
    const entries = Object.entries(schema.properties).map(([name, field]) =>
      this.#entry(name, field, required.has(name)),
    );
    return element("ul.fields", {}, entries);
  }

  #entry(name, schema, isRequired) {
    const found = this.#openapi.found(schema);
    const head = [
      element("span.field-name", {}, name),
      isRequired ? element("span.field-required", {}, "required") : null,
      element("span.field-type", {}, this.title(schema)),
      this.#about(found),
    ];
    const inner = found.items ? this.#openapi.found(found.items) : found;
    const isDeep = inner.properties || inner.anyOf || inner.oneOf;
    if (!isDeep) {
      return element("li", {}, element("div.field", {}, head));
    }
    return element(
      "li",
      {},
      fold("details.field", {}, head, () => [this.show(found.items ?? schema)]),
    );
  }

  #about(schema) {
    const bounds = BOUNDS.filter(([key]) => schema[key] !== undefined).map(([key, said]) =>
      element("code.bound", {}, said(schema[key])),
    );
    const words = (schema.enum ?? []).map((value) => element("code.word", {}, String(value)));
    const description = schema.description
      ? element("span.field-text", {}, inline(schema.description))
      : null;
    return element("span.field-about", {}, words, bounds, description);
  }
}
