/** What one can take part in at the moment: a card each, over the picture. */
import type { ComponentType } from "preact";

import type { Room } from "../../live/room";
import type { Play } from "../../live/wire";
import { LotteryCard } from "./lottery";
import { PollCard } from "./poll";
import { QuizCard } from "./quiz";
import { QuizWins } from "./wins";
import { PacketCard, ShownPacket } from "./packet";

export interface PlayProps {
  room: Room;
  play: Play;
}

const CARDS: Partial<Record<Play["kind"], ComponentType<PlayProps>>> = {
  lottery: LotteryCard,
  quiz: QuizCard,
  poll: PollCard,
  packet: PacketCard,
};

export function Plays({ room }: { room: Room }) {
  return (
    <>
      {room.state.value.plays.map((play) => {
        const Card = CARDS[play.kind];
        return Card && <Card key={play.id} room={room} play={play} />;
      })}
      <QuizWins room={room} />
      <ShownPacket room={room} />
    </>
  );
}
