/**
 * @file An OpenAPI document, read: its operations by tag, what references lead to.
 */

const METHODS = ["get", "post", "put", "patch", "delete"];

export class OpenApi {
  #document;

  /** @param {object} document as it was served */
  constructor(document) {
    this.#document = document;
  }

  /**
   * @param {string} url
   * @returns {Promise<OpenApi>}
   */
  static async read(url) {
    const answer = await fetch(url);
    if (!answer.ok) {
      throw new Error(`${url} was answered ${answer.status}`);
    }
    return new OpenApi(await answer.json());
  }

  get info() {
    return this.#document.info;
  }

  /** The path that all paths stand behind: `/v1`. */
  get base() {
    return new URL(this.#document.servers[0].url, location.origin).pathname.replace(/\/$/, "");
  }

  /** What a reference leads to, or the value itself. */
  found(value) {
    let at = value;
    while (at && typeof at.$ref === "string") {
      at = at.$ref
        .slice(2)
        .split("/")
        .reduce((inner, part) => inner?.[part], this.#document);
    }
    return at ?? {};
  }

  /** The name of what a schema refers to, if it does. */
  nameOf(schema) {
    return schema.$ref?.split("/").pop();
  }

  /**
   * The tags, each with its operations, in the document's order.
   *
   * @returns {Array<{name: string, description: string, operations: object[]}>}
   */
  get tags() {
    const tags = this.#document.tags.map((tag) => ({ ...tag, operations: [] }));
    for (const [path, methods] of Object.entries(this.#document.paths)) {
      for (const method of METHODS.filter((name) => methods[name])) {
        const operation = { ...methods[method], method, path };
        tags.find((tag) => tag.name === operation.tags[0])?.operations.push(operation);
      }
    }
    return tags.filter((tag) => tag.operations.length > 0);
  }

  /** The one media type that is sent, with its schema and example. */
  body(operation) {
    const body = operation.requestBody && this.found(operation.requestBody);
    return body && { ...body.content["application/json"], required: body.required };
  }
}
