import { describe, expect, it } from "vitest";

import { anchor, bounds, inner, resolve, search, sections, typeName, type Document } from "../src/docs/openapi";

const description: Document = {
  info: { title: "Danmart", version: "1" },
  paths: {
    "/api/v1/rooms": {
      get: { summary: "Public rooms.", tags: ["Rooms"] },
      post: {
        summary: "Create a room.",
        tags: ["Rooms"],
        requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/CreateRoom" } } } },
      },
    },
    "/api/v1/webhooks": { get: { summary: "Every endpoint.", tags: ["Webhooks"] } },
  },
  webhooks: { "order.paid": { post: { summary: "An order was paid.", tags: ["What is sent"] } } },
  components: {
    schemas: {
      CreateRoom: { type: "object", properties: { title: { type: "string", maxLength: 100 }, host: { $ref: "#/components/schemas/Who" } } },
      Who: { type: "object", properties: { id: { type: "string" } } },
      Loop: { $ref: "#/components/schemas/Loop" },
    },
  },
};

const paths = (query: string) =>
  search(sections(description), query, description).flatMap((section) => section.operations.map((o) => `${o.method} ${o.path}`));

describe("the API's description", () => {
  it("is put into sections by tag, with what is sent at the end", () => {
    const found = sections(description);
    expect(found.map((section) => [section.tag, section.operations.length])).toEqual([
      ["Rooms", 2],
      ["Webhooks", 1],
      ["What is sent", 1],
    ]);
    expect(found[0]?.operations[1]?.id).toBe("post-api-v1-rooms");
    expect(found[2]?.operations[0]).toMatchObject({ id: "sent-order-paid", isSent: true });
  });

  it("gives each operation an anchor of its own", () => {
    const ids = sections(description).flatMap((section) => section.operations.map((o) => o.id));
    expect(new Set(ids).size).toBe(ids.length);
    expect(anchor("GET /api/v1/rooms/{room}")).toBe("get-api-v1-rooms-room");
  });

  it("is found by method, path, words and fields, all words together", () => {
    expect(paths("")).toHaveLength(4);
    expect(paths("post rooms")).toEqual(["post /api/v1/rooms"]);
    expect(paths("ROOMS public")).toEqual(["get /api/v1/rooms"]);
    expect(paths("title")).toEqual(["post /api/v1/rooms"]);
    expect(paths("order paid")).toEqual(["post order.paid"]);
    expect(paths("title nothing")).toEqual([]);
  });

  it("follows references, and doesn't run in circles", () => {
    expect(resolve({ $ref: "#/components/schemas/Who" }, description).properties).toHaveProperty("id");
    expect(resolve({ $ref: "#/components/schemas/Loop" }, description)).toBeDefined();
    expect(inner({ type: "array", items: { $ref: "#/components/schemas/Who" } }, description)?.properties).toHaveProperty("id");
  });

  it("says types and bounds in words", () => {
    expect(typeName({ anyOf: [{ type: "string" }, { type: "null" }] }, description)).toBe("string or null");
    expect(typeName({ enum: ["a", "b"] }, description)).toBe('"a" | "b"');
    expect(typeName({ type: "array", items: { type: "integer" } }, description)).toBe("array of integer");
    expect(bounds({ minimum: 1, maximum: 50 })).toBe("1 to 50");
    expect(bounds({ maxLength: 100, default: "x" })).toBe('at most 100 characters, default "x"');
  });
});
