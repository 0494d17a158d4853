/** What this viewer has won in quizzes that are over, until they have seen it. */
import { onePrize } from "../../i18n/lottery";
import { t } from "../../i18n";
import type { Room } from "../../live/room";
import { IconButton } from "../../ui/basics";
import { Icon } from "../../ui/icon";
import "./quiz.css";

export function QuizWins({ room }: { room: Room }) {
  const { quizWins } = room.you;
  return (
    <>
      {quizWins.value.map((won) => (
        <section key={won.quiz} class="quiz-card won" role="status" data-testid="quiz-won">
          <header>
            <Icon name="check" size={20} />
            <div class="quiz-head">{t("quiz.won", { place: won.place, title: won.title, prize: onePrize(won.prize) })}</div>
            <IconButton icon="close" little label={t("close")} onClick={() => (quizWins.value = quizWins.value.filter((each) => each !== won))} />
          </header>
        </section>
      ))}
    </>
  );
}
