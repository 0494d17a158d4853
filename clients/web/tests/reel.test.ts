import { describe, expect, it, vi } from "vitest";

import { emptyState, foldAll } from "../src/live/fold";
import { clockAt, countAt, covers, longer, makeReel, stateAt } from "../src/live/reel";
import type { LiveEvent } from "../src/live/wire";
import { linkAt, placeOf } from "../src/replay/share";
import type { TimelinePage } from "../src/replay/wire";

vi.mock("../src/live/connection", () => ({
  Connection: class {
    open() {}
    close() {}
  },
}));

const { PastRoom } = await import("../src/replay/past_room");

const product = (id: string) => ({ id, title: id, picture: null, position: 1, skus: [] });
const event = (offset: number, mediaMs: number, kind: string, data: Record<string, unknown>): LiveEvent => ({
  id: `e${offset}`,
  offset,
  kind,
  at_ms: 1_000_000 + mediaMs,
  media_ms: mediaMs,
  data,
});
const said = (offset: number, mediaMs: number) => event(offset, mediaMs, "comment", { text: `at ${mediaMs}` });

/** Four minutes in which something happens each second, and two products take turns at being pinned. */
const LOG: LiveEvent[] = [
  event(1, 0, "product.added", { product: product("tea") }),
  event(2, 0, "product.added", { product: product("cup") }),
  ...Array.from({ length: 240 }, (_, second) =>
    second % 20 === 10
      ? event(second + 3, second * 1000, second % 40 === 10 ? "product.pinned" : "product.unpinned", { id: "tea" })
      : said(second + 3, second * 1000),
  ),
];
const DURATION = 240_000;
const at = (ms: number) => LOG.filter((each) => (each.media_ms ?? 0) <= ms);

/** The server, by the same log. */
function serve(limit = 1000) {
  const asked: { from: number; snapshot: boolean }[] = [];
  const load = ({ from, to, snapshot, cursor }: { from: number; to: number; snapshot?: boolean; cursor?: string | null }) => {
    if (!cursor) asked.push({ from, snapshot: snapshot === true });
    const before = LOG.filter((each) => (each.media_ms ?? 0) < from);
    const after = cursor ? Number(cursor) : (before.at(-1)?.offset ?? 0);
    const whole = LOG.filter((each) => each.offset > after && ((each.media_ms ?? 0) < to || to >= DURATION));
    const items = whole.slice(0, limit);
    const page: TimelinePage = {
      duration_ms: DURATION,
      from_ms: from,
      to_ms: Math.min(to, DURATION),
      clock: [{ media_ms: 0, at_ms: 1_000_000 }],
      blurred: [{ from_ms: 3_000, to_ms: 5_000 }],
      ...(snapshot ? { snapshot: foldAll(emptyState("tea"), before) } : {}),
      items,
      next: whole.length > limit ? String(items.at(-1)?.offset) : null,
    };
    return Promise.resolve(page);
  };
  return { asked, load };
}

async function calm() {
  for (let n = 0; n < 5; n++) await new Promise((done) => setTimeout(done, 0));
}

describe("a reel", () => {
  it("has the state of any place, whatever way one came there", () => {
    const reel = longer(makeReel(0, 100_000, emptyState("tea"), LOG.slice(0, 102)), Infinity, LOG.slice(102));
    for (const ms of [0, 9_999, 10_000, 30_500, 101_000, 239_000]) {
      expect(stateAt(reel, ms)).toEqual(foldAll(emptyState("tea"), at(ms)));
      expect(countAt(reel, ms)).toBe(at(ms).length);
    }
    expect(covers(reel, 5)).toBe(true);
    expect(covers(reel, -1)).toBe(false);
    expect(covers(null, 5)).toBe(false);
  });

  it("keeps the order of the log where two nodes' clocks differ", () => {
    const reel = makeReel(0, 1000, emptyState("tea"), [said(1, 400), said(2, 390), said(3, 500)]);
    expect(reel.times).toEqual([400, 400, 500]);
    expect(countAt(reel, 395)).toBe(0);
  });

  it("knows the clock over an interruption", () => {
    const points = [
      { media_ms: 0, at_ms: 1000 },
      { media_ms: 60_000, at_ms: 91_000 },
    ];
    expect(clockAt(points, 59_000)).toBe(60_000);
    expect(clockAt(points, 61_000)).toBe(92_000);
  });
});

describe("a room as it was", () => {
  const shown = (room: InstanceType<typeof PastRoom>) => ({
    pins: room.state.value.pins,
    last: room.comments.value.at(-1)?.data.text,
  });
  const wanted = (ms: number) => {
    const state = foldAll(emptyState("tea"), at(ms));
    return { pins: state.pins, last: state.comments.at(-1)?.data.text };
  };

  it("goes with the picture, forwards and backwards, by any way", async () => {
    for (const limit of [7, 1000]) {
      const { load } = serve(limit);
      const room = new PastRoom("tea", load);
      for (const ms of [0, 500, 11_000, 89_000, 91_000, 12_000, 200_000, 239_999, 31_000, 10_000]) {
        room.at(ms);
        await vi.waitFor(() => expect(shown(room)).toEqual(wanted(ms)));
      }
      room.close();
    }
  });

  it("asks for a stretch at a time, and before it is needed", async () => {
    const { load, asked } = serve();
    const room = new PastRoom("tea", load);
    for (let ms = 0; ms < DURATION; ms += 2_500) {
      room.at(ms);
      await calm();
      expect(shown(room)).toEqual(wanted(ms));
    }
    expect(asked).toEqual([
      { from: 0, snapshot: true },
      { from: 90_000, snapshot: false },
      { from: 180_000, snapshot: false },
    ]);
    room.close();
  });

  it("lets comments fly that are played, not those that were jumped over", async () => {
    const { load } = serve();
    const room = new PastRoom("tea", load);
    const flown: string[] = [];
    room.at(0);
    await vi.waitFor(() => expect(room.entered.value).toBe(true));
    room.onComment = ({ data }) => flown.push(String(data.text));
    room.at(900);
    room.at(1_100);
    room.at(50_000);
    room.at(51_000);
    expect(flown).toEqual(["at 1000", "at 51000"]);
    room.close();
  });

  it("is blurred where it was, also after a jump", async () => {
    const { load } = serve();
    const room = new PastRoom("tea", load);
    room.at(0);
    await vi.waitFor(() => expect(room.entered.value).toBe(true));
    const seen = [0, 2_999, 3_000, 4_999, 5_000, 4_000, 60_000].map((ms) => (room.at(ms), room.blurred.value));
    expect(seen).toEqual([false, false, true, true, false, true, false]);
    room.close();
  });

  it("has the clock of that time", async () => {
    const { load } = serve();
    const room = new PastRoom("tea", load);
    room.at(42_000);
    await vi.waitFor(() => expect(room.now()).toBe(1_042_000));
    room.close();
  });

  it("asks again when the server was away", async () => {
    vi.useFakeTimers();
    const { load } = serve();
    let down = true;
    const room = new PastRoom("tea", (asked) => (down ? Promise.reject(new Error("away")) : load(asked)));
    room.at(0);
    await vi.advanceTimersByTimeAsync(10);
    expect(room.trouble.value).not.toBeNull();
    down = false;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(room.trouble.value).toBeNull();
    expect(room.entered.value).toBe(true);
    room.close();
    vi.useRealTimers();
  });
});

describe("links to a place", () => {
  it("are read as other players' are", () => {
    expect(["754", "754s", "12m34s", "1h2m3s", "2.5", "", "x", "-4"].map(placeOf)).toEqual([
      754_000, 754_000, 754_000, 3_723_000, 2_500, 0, 0, 0,
    ]);
  });

  it("name whole seconds", () => {
    vi.stubGlobal("location", { origin: "http://x", pathname: "/replay/a" });
    expect(linkAt(12_900)).toBe("http://x/replay/a#t=12");
    vi.unstubAllGlobals();
  });
});

