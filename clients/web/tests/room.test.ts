import { beforeEach, describe, expect, it, vi } from "vitest";

import type { Listener } from "../src/live/connection";
import type { Entered, Frame, LiveEvent } from "../src/live/wire";

const wire = vi.hoisted<{ listener: unknown; ask: unknown }>(() => ({ listener: null, ask: null }));

vi.mock("../src/live/connection", () => ({
  Connection: class {
    constructor(_token: string | null, listener: unknown) {
      wire.listener = listener;
    }
    ask(...args: unknown[]) {
      return (wire.ask as (...args: unknown[]) => unknown)(...args);
    }
    open() {}
    close() {}
  },
}));

const { Room } = await import("../src/live/room");
const { emptyState } = await import("../src/live/fold");

const comment = (offset: number): LiveEvent => ({
  id: `c${offset}`,
  offset,
  kind: "comment",
  at_ms: 0,
  data: { text: "x" },
});
const frame = (from: number, to: number, items: LiveEvent[]): Frame => {
  const left_out = to - from + 1 - items.length;
  return { room: "tea", epoch: "e", from, to, items, skipped: left_out ? { comment: left_out } : {} };
};
const entered = (offset: number) =>
  ({
    epoch: "e",
    offset,
    recovered: false,
    snapshot: emptyState("tea"),
    signals: {},
    you: { user: null, role: "guest", can: [], seq: 0, items: [], mute: null, orders: [] },
    now_ms: 0,
  }) as unknown as Entered;

describe("a viewer whose connection doesn't keep up", () => {
  const asked: unknown[][] = [];
  const enters = () => asked.filter(([command]) => command === "enter");

  beforeEach(() => {
    asked.length = 0;
    wire.ask = (command: string, payload: unknown) => {
      asked.push([command, payload]);
      return Promise.resolve(command === "enter" ? entered(10) : { now_ms: 0 });
    };
  });

  it("has a whole log, though comments were left out of its frames", async () => {
    const room = new Room("tea", null);
    const listener = wire.listener as Listener;
    await listener.connected();
    listener.events(frame(11, 20, [comment(11), comment(12)]));
    listener.events(frame(21, 40, []));
    listener.events(frame(41, 43, [comment(42)]));
    expect(room.offset).toBe(43);
    expect(room.comments.value.map(({ offset }) => offset)).toEqual([11, 12, 42]);
    expect(enters()).toHaveLength(1);
  });

  it("asks for what no frame accounts for", async () => {
    new Room("tea", null);
    const listener = wire.listener as Listener;
    await listener.connected();
    listener.events(frame(11, 12, []));
    listener.events(frame(14, 14, []));
    expect(enters()[1]).toEqual(["enter", expect.objectContaining({ after: { epoch: "e", offset: 12 } })]);
  });
});
