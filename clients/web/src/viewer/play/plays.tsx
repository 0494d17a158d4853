/** What one can take part in at the moment, over the picture: one lies open, the others are a row to choose from. */
import { useSignal, useSignalEffect } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { t } from "../../i18n";
import type { Lottery } from "../../live/lottery_wire";
import type { Packet } from "../../live/packet_wire";
import type { Poll, Quiz } from "../../live/quiz_wire";
import type { Room } from "../../live/room";
import type { Play } from "../../live/wire";
import { Icon } from "../../ui/icon";
import { deal, EMPTY_DECK, turn } from "./deck";
import { LotteryCard } from "./lottery";
import { PollCard } from "./poll";
import { QuizCard } from "./quiz";
import { QuizWins } from "./wins";
import { PacketCard, ShownPacket } from "./packet";
import "./plays.css";

export interface PlayProps {
  room: Room;
  play: Play;
  /** Whether its card is to be seen; what it has opened is, either way. */
  front: boolean;
  /** Null: the card can't be put aside. */
  onFold: (() => void) | null;
}

const CARDS: Partial<Record<Play["kind"], ComponentType<PlayProps>>> = {
  lottery: LotteryCard,
  quiz: QuizCard,
  poll: PollCard,
  packet: PacketCard,
};
const ICONS = { lottery: "ticket", quiz: "bolt", poll: "talk", packet: "packet" } as const;

export function Plays({ room }: { room: Room }) {
  const { plays } = room.state.value;
  const deck = useSignal(EMPTY_DECK);
  const row = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    deck.value = deal(deck.peek(), room.state.value.plays);
  });
  const { front, unseen } = deck.value;
  useEffect(() => {
    if (front) row.current?.querySelector(`[data-id="${front}"]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [front]);
  const press = (id: string) => (deck.value = turn(deck.value, id));
  const fold = (id: string) => {
    press(id);
    // The button that was pressed is gone with its card: on from where the card went.
    requestAnimationFrame(() => row.current?.querySelector<HTMLElement>(`[data-id="${id}"]`)?.focus());
  };
  const alone = plays.length === 1 && front !== null;
  return (
    <div class={`plays${front === null ? "" : " dealt"}`}>
      {plays.length > 0 && !alone && (
        <div class="play-row" role="group" aria-label={t("play.all")} ref={row}>
          {plays.map((play) => (
            <button key={play.id} class="play-chip" aria-expanded={play.id === front} onClick={() => press(play.id)} data-testid="play-chip" data-kind={play.kind} data-id={play.id}>
              <Icon name={ICONS[play.kind]} size={17} />
              <span class="unseen">{t(`${play.kind}.one`)}: </span>
              <span class="ellipsis">{nameOf(play)}</span>
              {unseen.has(play.id) && <i class="play-new" role="img" aria-label={t("play.new")} />}
            </button>
          ))}
        </div>
      )}
      {plays.map((play) => {
        const Card = CARDS[play.kind];
        return Card && <Card key={play.id} room={room} play={play} front={play.id === front} onFold={() => fold(play.id)} />;
      })}
      <QuizWins room={room} />
      <ShownPacket room={room} />
    </div>
  );
}

function nameOf(play: Play): string {
  if (play.kind === "packet") return t("packet.of", { name: (play as Packet).user.name });
  return play.kind === "poll" ? (play as Poll).question : (play as Lottery | Quiz).title;
}
