import { describe, expect, it } from "vitest";

import type { Sanction } from "../src/live/sanction_wire";
import { StaffSide } from "../src/live/staff";
import type { Staff } from "../src/live/wire";
import { YourSide } from "../src/live/you";

const sanction = (id: string, change: Partial<Sanction> = {}): Sanction => ({
  id,
  kind: "mute",
  user: { id: "lin", name: "Lin" },
  everywhere: false,
  until_ms: 1_000,
  reason: "flood",
  by: { id: "bao", name: "Bao" },
  at_ms: 0,
  ...change,
});

function side(...events: [kind: string, data: Record<string, unknown>, room?: string][]): YourSide {
  const you = new YourSide("tea");
  events.forEach(([kind, data, room = "tea"], n) =>
    you.take({ seq: n + 1, kind, at_ms: 0, data, ...(room === "*" ? {} : { room }) }),
  );
  return you;
}

describe("one's own sanctions", () => {
  it("are of this room, or of all", () => {
    expect(side(["muted", { sanction: sanction("a") }, "silk"]).mute.value).toBeNull();
    expect(side(["muted", { sanction: sanction("a") }]).mute.value?.sanction).toBe("a");
    expect(side(["banned", { sanction: sanction("b", { everywhere: true }) }, "*"]).ban.value?.sanction).toBe("b");
  });

  it("last as long as the stricter of both", () => {
    const short = sanction("here");
    const long = sanction("all", { everywhere: true, until_ms: null });
    for (const order of [[short, long], [long, short]]) {
      const you = side(...order.map((each) => ["muted", { sanction: each }, each.everywhere ? "*" : "tea"] as [string, object, string]) as never[]);
      expect(you.mute.value?.sanction).toBe("all");
    }
  });

  it("are replaced by a later one of the same scope, also by a shorter one", () => {
    const you = side(["muted", { sanction: sanction("a", { until_ms: null }) }], ["muted", { sanction: sanction("b") }]);
    expect(you.mute.value?.sanction).toBe("b");
  });

  it("end by their id alone", () => {
    const given: [string, Record<string, unknown>] = ["muted", { sanction: sanction("b") }];
    expect(side(given, ["unmuted", { sanction: "a" }]).mute.value?.sanction).toBe("b");
    expect(side(given, ["unmuted", { sanction: "b" }]).mute.value).toBeNull();
  });

  it("are warnings until they are acknowledged", () => {
    const warned: [string, Record<string, unknown>] = ["warned", { sanction: sanction("w", { kind: "warn" }) }];
    expect(side(warned).warning.value).toEqual({ warning: "w", reason: "flood" });
    expect(side(warned, ["warning_accepted", { warning: "w" }]).warning.value).toBeNull();
  });
});

describe("the staff's list", () => {
  const entered = (...sanctions: Sanction[]): StaffSide => {
    const staff = new StaffSide();
    staff.entered({ seq: 0, items: [], mutes: [], sanctions } satisfies Staff);
    return staff;
  };

  it("has one of a kind in each scope", () => {
    const staff = entered(sanction("a"));
    const said = [sanction("b"), sanction("c", { everywhere: true }), sanction("d", { kind: "ban" })];
    said.forEach((each, n) =>
      staff.take({ seq: n + 1, kind: each.kind === "ban" ? "banned" : "muted", at_ms: 0, data: { sanction: each } }),
    );
    expect(staff.sanctions.value.map(({ id }) => id)).toEqual(["d", "c", "b"]);
    expect(staff.has("lin", "ban")).toBe(true);
    expect(staff.has("wu", "ban")).toBe(false);
  });

  it("loses what is lifted, and nothing else", () => {
    const staff = entered(sanction("a"), sanction("b", { kind: "ban" }));
    staff.take({ seq: 1, kind: "unmuted", at_ms: 0, data: { user: { id: "lin", name: "Lin" }, by: null, sanction: "a" } });
    expect(staff.sanctions.value.map(({ id }) => id)).toEqual(["b"]);
  });
});
