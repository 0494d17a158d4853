/** What one could take part in at that time: to be seen, and over. */
import { t } from "../i18n";
import type { Lottery } from "../live/lottery_wire";
import type { Packet } from "../live/packet_wire";
import type { Poll, Quiz } from "../live/quiz_wire";
import type { Play } from "../live/wire";
import { Icon } from "../ui/icon";
import type { PastRoom } from "./past_room";

const ICONS = { lottery: "ticket", quiz: "bolt", poll: "talk", packet: "packet" } as const;

export function PastPlays({ room }: { room: PastRoom }) {
  const { plays } = room.state.value;
  if (plays.length === 0) return null;
  return (
    <ul class="past-plays" aria-label={t("replay.plays")}>
      {plays.map((play) => (
        <li key={play.id} class="past-play" data-testid="past-play" data-kind={play.kind} data-id={play.id}>
          <Icon name={ICONS[play.kind]} size={18} />
          <span class="past-play-text">
            <strong class="ellipsis">{nameOf(play)}</strong>
            <span class="small quiet">
              {t(`${play.kind}.one`)} · {t("replay.play.past")}
            </span>
            <Votes play={play} />
          </span>
        </li>
      ))}
    </ul>
  );
}

/** How a poll went, once that was told to all. */
function Votes({ play }: { play: Play }) {
  if (play.kind !== "poll") return null;
  const { options, counts } = play as Poll;
  if (!counts) return <span class="small">{options.join(" · ")}</span>;
  return <span class="small numbers">{options.map((option, n) => `${option} ${counts[n] ?? 0}`).join(" · ")}</span>;
}

function nameOf(play: Play): string {
  if (play.kind === "packet") return t("packet.of", { name: (play as Packet).user.name });
  return play.kind === "poll" ? (play as Poll).question : (play as Lottery | Quiz).title;
}
