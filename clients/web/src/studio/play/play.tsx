/** The host's tab for what viewers take part in: a section for each kind, those with something running on top. */
import type { ComponentType } from "preact";

import type { Room } from "../../live/room";
import type { Play } from "../../live/wire";
import { GiftFeed } from "../gifts";
import { LotterySection } from "./lottery";
import { PollSection } from "./poll";
import { QuizSection } from "./quiz";
import { PacketSection } from "./packet";
import "./play.css";

const SECTIONS: readonly [Play["kind"], ComponentType<{ room: Room }>][] = [
  ["quiz", QuizSection],
  ["lottery", LotterySection],
  ["poll", PollSection],
  ["packet", PacketSection],
];

export function PlayTab({ room }: { room: Room }) {
  const running = new Set(room.state.value.plays.map(({ kind }) => kind));
  const ordered = [...SECTIONS].sort(([one], [other]) => Number(running.has(other)) - Number(running.has(one)));
  return (
    <div class="play-tab">
      {ordered.map(([kind, Section]) => (
        <Section key={kind} room={room} />
      ))}
      <GiftFeed room={room} />
    </div>
  );
}
