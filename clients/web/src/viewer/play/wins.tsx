/** What this viewer has won in quizzes that are over, until they have seen it. */
import { useState } from "preact/hooks";

import { onePrize } from "../../i18n/lottery";
import { t } from "../../i18n";
import type { QuizWon } from "../../live/quiz_wire";
import type { Room } from "../../live/room";
import { IconButton } from "../../ui/basics";
import { Icon } from "../../ui/icon";
import { Sheet } from "../../ui/sheet";
import { PrizeAddress } from "../prize_address";
import "./quiz.css";

export function QuizWins({ room }: { room: Room }) {
  const { quizWins } = room.you;
  const forget = (won: QuizWon) => (quizWins.value = quizWins.value.filter((each) => each !== won));
  return (
    <>
      {quizWins.value.map((won) => (
        <Win key={won.quiz} room={room} won={won} onSeen={() => forget(won)} />
      ))}
    </>
  );
}

function Win({ room, won, onSeen }: { room: Room; won: QuizWon; onSeen: () => void }) {
  const [saying, setSaying] = useState(false);
  const order = won.given.order;
  const text = t("quiz.won", { place: won.place, title: won.title, prize: onePrize(won.prize) });
  return (
    <section class="quiz-card won" role="status" data-testid="quiz-won">
      <header>
        <Icon name="check" size={20} />
        <div class="quiz-head">{text}</div>
        {order && (
          <button class="button outline little" onClick={() => setSaying(true)} data-testid="quiz-won-address">
            {t("prize.address")}
          </button>
        )}
        <IconButton icon="close" little label={t("close")} onClick={onSeen} />
      </header>
      {saying && order && (
        <Sheet title={t("prize.address")} onClose={() => setSaying(false)}>
          <p>{text}</p>
          <PrizeAddress room={room} order={order} onSaid={onSeen} />
        </Sheet>
      )}
    </section>
  );
}
