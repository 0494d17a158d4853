/** Whose picture goes where. Pure. */

type Kind = "alone" | "spot" | "side" | "grid";
/** In the big place, or the how manieth of the small ones. */
export type Place = "big" | number;

interface Arranged {
  kind: Kind;
  /** Whose the big picture is; null: the host's. */
  big: string | null;
  place: (slot: string | null) => Place;
}

export function arrange(layout: string, members: readonly { slot: string }[]): Arranged {
  const slots = members.map(({ slot }) => slot);
  if (slots.length === 0) return { kind: "alone", big: null, place: () => "big" };
  if (layout === "side" || layout === "grid") return { kind: layout, big: null, place: () => "big" };
  const wanted = layout.startsWith("guest:") ? layout.slice("guest:".length) : null;
  const big = wanted !== null && slots.includes(wanted) ? wanted : null;
  const small = [null, ...slots].filter((slot) => slot !== big);
  return { kind: "spot", big, place: (slot) => (slot === big ? "big" : small.indexOf(slot)) };
}
