/** What the page reads of an OpenAPI 3.1 document, and how it is put into order. Pure. */

export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  items?: Schema;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
}

type Content = Record<string, { schema?: Schema }>;

export interface RawOperation {
  summary?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { content: Content };
  responses?: Record<string, { description: string; content?: Content }>;
}

export interface Document {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, RawOperation>>;
  webhooks?: Record<string, Record<string, RawOperation>>;
  components: { schemas: Record<string, Schema> };
}

/** An operation with its place: `id` is the page's anchor, `isSent` says that Danmart is the one who asks. */
export interface Operation {
  id: string;
  method: string;
  path: string;
  summary: string;
  isSent: boolean;
  raw: RawOperation;
}

export interface Section {
  tag: string;
  id: string;
  operations: Operation[];
}

export const anchor = (text: string): string => text.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "").toLowerCase();

/** The operations by their first tag, in the document's order; what is sent comes last. */
export function sections(document: Document): Section[] {
  const found = new Map<string, Section>();
  const take = (items: Record<string, Record<string, RawOperation>>, isSent: boolean) => {
    for (const [path, methods] of Object.entries(items)) {
      for (const [method, raw] of Object.entries(methods)) {
        const tag = raw.tags?.[0] ?? "Other";
        const section = found.get(tag) ?? { tag, id: `section-${anchor(tag)}`, operations: [] };
        found.set(tag, section);
        const id = anchor(isSent ? `sent ${path}` : `${method} ${path}`);
        section.operations.push({ id, method, path, summary: raw.summary ?? "", isSent, raw });
      }
    }
  };
  take(document.paths, false);
  take(document.webhooks ?? {}, true);
  return [...found.values()];
}

/** The sections with what has every word of the query in its method, path, summary or fields. */
export function search(all: Section[], query: string, document: Document): Section[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return all;
  return all
    .map((section) => {
      const operations = section.operations.filter((operation) => {
        const text = `${section.tag} ${operation.method} ${operation.path} ${operation.summary} ${fields(operation, document)}`;
        return words.every((word) => text.toLowerCase().includes(word));
      });
      return { ...section, operations };
    })
    .filter((section) => section.operations.length > 0);
}

function fields(operation: Operation, document: Document): string {
  const body = bodyOf(operation.raw.requestBody?.content);
  const named = body ? Object.keys(resolve(body.schema, document).properties ?? {}) : [];
  return [...named, ...(operation.raw.parameters ?? []).map((parameter) => parameter.name)].join(" ");
}

/** The first kind of body, with its media type. */
export function bodyOf(content: Content | undefined): { type: string; schema: Schema } | null {
  const [type, body] = Object.entries(content ?? {})[0] ?? [];
  return type && body?.schema ? { type, schema: body.schema } : null;
}

/** The schema that a reference leads to; `null` among alternatives is left to `typeName`. */
export function resolve(schema: Schema, document: Document): Schema {
  let at: Schema = schema;
  for (let hops = 0; at.$ref && hops < 8; hops++) {
    at = document.components.schemas[at.$ref.split("/").pop() ?? ""] ?? {};
  }
  return at;
}

export const isNull = (schema: Schema): boolean => schema.type === "null";

/** A type in a word or two: `string`, `integer or null`, `array of string`, `"a" | "b"`. */
export function typeName(schema: Schema, document: Document): string {
  const at = resolve(schema, document);
  if (at.const !== undefined) return JSON.stringify(at.const);
  if (at.enum) return at.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (at.anyOf) return [...new Set(at.anyOf.map((one) => typeName(one, document)))].join(" or ");
  if (at.type === "array") return `array of ${at.items ? typeName(at.items, document) : "anything"}`;
  if (Array.isArray(at.type)) return at.type.join(" or ");
  return at.type ?? (at.properties ? "object" : "anything");
}

/** What else a value must be, in words. */
export function bounds(schema: Schema): string {
  const said: string[] = [];
  const span = (low: number | undefined, high: number | undefined, unit: string) => {
    if (low !== undefined && high !== undefined) said.push(`${low} to ${high}${unit}`);
    else if (low !== undefined && low > 0) said.push(`at least ${low}${unit}`);
    else if (high !== undefined) said.push(`at most ${high}${unit}`);
  };
  span(schema.minimum, schema.maximum, "");
  span(schema.minLength, schema.maxLength, " characters");
  span(schema.minItems, schema.maxItems, " of them");
  if (schema.format) said.push(schema.format);
  if (schema.pattern) said.push(schema.pattern);
  if (schema.default !== undefined && schema.default !== null) said.push(`default ${JSON.stringify(schema.default)}`);
  return said.join(", ");
}

/** The object within: of an array its items', of alternatives the first that has fields. */
export function inner(schema: Schema, document: Document): Schema | null {
  const at = resolve(schema, document);
  if (at.properties) return at;
  if (at.items) return inner(at.items, document);
  for (const one of at.anyOf ?? []) {
    const found = isNull(one) ? null : inner(one, document);
    if (found) return found;
  }
  return null;
}
