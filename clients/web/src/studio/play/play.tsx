/** The host's tab for what viewers take part in: a section for each kind, with what runs and a form for more. */
import type { ComponentType } from "preact";

import type { Room } from "../../live/room";
import { GiftFeed } from "../gifts";
import { LotterySection } from "./lottery";
import { PollSection } from "./poll";
import { QuizSection } from "./quiz";
import { PacketSection } from "./packet";

const SECTIONS: ComponentType<{ room: Room }>[] = [
  GiftFeed,
  LotterySection,
  QuizSection,
  PollSection,
  PacketSection,
];

export function PlayTab({ room }: { room: Room }) {
  return (
    <div class="play-tab">
      {SECTIONS.map((Section) => (
        <Section key={Section.displayName ?? Section.name} room={room} />
      ))}
    </div>
  );
}
