import { describe, expect, it } from "vitest";

import type { Play } from "../src/live/wire";
import { deal, EMPTY_DECK, turn, type Deck } from "../src/viewer/play/deck";

const play = (kind: Play["kind"], id: string, some: object = {}): Play => ({ kind, id, ...some });
const poll = play("poll", "p", { state: "open" });
const packet = play("packet", "r");
const quiz = (state: string, number = 1): Play => play("quiz", "q", { state, question: state === "opened" ? null : { number } });
const lottery = (state: string): Play => play("lottery", "l", { state });
const after = (...turns: Play[][]): Deck => turns.reduce(deal, EMPTY_DECK);

describe("the plays over the picture", () => {
  it("have the latest open, and say what else is new", () => {
    const deck = after([packet, poll]);
    expect(deck.front).toBe("r");
    expect([...deck.unseen]).toEqual(["p"]);
    expect(after([poll], [packet, poll]).front).toBe("r");
  });

  it("stay as they are while nothing turns", () => {
    const deck = after([packet, poll]);
    expect(deal(deck, [packet, poll])).toBe(deck);
    const folded = turn(deck, "r");
    expect(folded.front).toBeNull();
    expect(deal(folded, [packet, poll])).toBe(folded);
  });

  it("bring forward what has turned", () => {
    expect(after([lottery("open")], [packet, lottery("open")], [packet, lottery("drawn")]).front).toBe("l");
    expect(after([quiz("opened")], [poll, quiz("opened")], [poll, quiz("asked")]).front).toBe("q");
  });

  it("push no question away whose time runs, but mark what came meanwhile", () => {
    const asked = after([quiz("asked")], [packet, quiz("asked")], [packet, quiz("asked"), lottery("drawn")]);
    expect(asked.front).toBe("q");
    expect(asked.unseen).toEqual(new Set(["r", "l"]));
    expect(deal(asked, [poll, packet, quiz("closed"), lottery("drawn")]).front).toBe("p");
  });

  it("let the viewer choose another even then, until the next question", () => {
    const chosen = turn(after([quiz("asked", 1), poll]), "p");
    expect(chosen).toMatchObject({ front: "p", unseen: new Set() });
    expect(deal(chosen, [quiz("asked", 1), poll])).toBe(chosen);
    expect(deal(chosen, [quiz("asked", 2), poll]).front).toBe("q");
  });

  it("show nothing in the place of what has ended", () => {
    const deck = after([packet, poll], [poll]);
    expect(deck.front).toBeNull();
    expect(deal(deck, [poll])).toBe(deck);
    expect(deal(deck, []).unseen).toEqual(new Set());
  });
});
