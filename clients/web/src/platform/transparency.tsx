/** What moderation comes to in all rooms, for operators. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { t } from "../i18n";
import { asRefusal, type Refusal } from "../live/errors";
import { Figures, Periods, percent, Tables, Tiles } from "../studio/transparency/figures";
import { save } from "../studio/transparency/sheet";
import { Notice, Spinner } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { TrailState } from "./trails";
import { numbersFile, platformNumbers, type PlatformNumbers, type RoomNumbers, type Watch } from "./wire";
import "../studio/transparency/transparency.css";

const PERIODS = [7, 30, 90, 365] as const;
const AGAIN_MS = 60_000;

export function PlatformTransparency({ token, watch, onRefused }: { token: string | null; watch: Watch | null; onRefused: (refusal: Refusal) => void }) {
  const [days, setDays] = useState<number>(30);
  const [numbers, setNumbers] = useState<PlatformNumbers | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  useEffect(() => {
    let current = true;
    const load = () =>
      platformNumbers(days, token).then(
        (found) => {
          if (!current) return;
          setRefusal(null);
          setNumbers(found);
        },
        (thrown: unknown) => {
          if (!current) return;
          setRefusal(asRefusal(thrown));
          onRefused(asRefusal(thrown));
        },
      );
    void load();
    const timer = setInterval(() => void load(), AGAIN_MS);
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [days, token]); // eslint-disable-line react-hooks/exhaustive-deps
  return (
    <section class="transparency" aria-label={t("transparency.tab")} data-testid="transparency">
      <header class="transparency-head">
        <Periods each={PERIODS} days={days} onPick={setDays} />
        <Files days={days} token={token} numbers={numbers} />
      </header>
      {refusal && (
        <Notice tone="bad" icon="warn">
          {errorText(refusal)}
        </Notice>
      )}
      {numbers === null && !refusal && (
        <div class="empty">
          <Spinner />
        </div>
      )}
      {numbers && <Figures numbers={numbers} />}
      {numbers && numbers.rooms.length > 0 && <Rooms numbers={numbers} />}
      {numbers && <p class="small quiet">{t("transparency.utc")}</p>}
      <TrailState watch={watch} />
    </section>
  );
}

function Files({ days, token, numbers }: { days: number; token: string | null; numbers: PlatformNumbers | null }) {
  const task = useTask();
  const keep = (format: "csv" | "json") =>
    task.run(async () => save(await numbersFile(days, format, token), `transparency-${numbers?.first_day}-${numbers?.last_day}.${format}`));
  return (
    <div class="periods push">
      {(["csv", "json"] as const).map((format) => (
        <button
          key={format}
          class="button outline little"
          disabled={task.busy || numbers === null}
          onClick={() => void keep(format)}
          data-testid={`numbers-${format}`}
        >
          <Icon name="down" size={16} />
          {format.toUpperCase()}
        </button>
      ))}
      {task.refusal && <Notice tone="bad">{errorText(task.refusal)}</Notice>}
    </div>
  );
}

function Rooms({ numbers }: { numbers: PlatformNumbers }) {
  return (
    <div class="figure-block">
      <h3>{t("transparency.rooms")}</h3>
      <p class="small quiet">{t("transparency.rooms.of", { n: numbers.rooms.length, of: numbers.rooms_moderated })}</p>
      <ul class="moderated-rooms">
        {numbers.rooms.map((room) => (
          <li key={room.room}>
            <RoomLine room={room} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function RoomLine({ room }: { room: RoomNumbers }) {
  const { appeals, false_positives: wrong } = room;
  const appealed = appeals.granted + appeals.refused;
  const line = { n: room.total, wrong: percent(wrong.share), appeals: percent(appealed ? appeals.granted / appealed : null) };
  return (
    <details data-testid="moderated-room" data-room={room.room} data-total={room.total}>
      <summary>
        <strong class="ellipsis">{room.title || t("transparency.room.gone")}</strong>
        <span class="small quiet">{room.room}</span>
        <span class="small numbers">{t("transparency.room.line", line)}</span>
      </summary>
      <div class="moderated-room">
        <Tiles numbers={room} />
        <Tables numbers={room} />
      </div>
    </details>
  );
}
