/** What the room is given, the newest first, and who gave most. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { timeOfDay } from "../i18n/format";
import { lang, t } from "../i18n";
import { giftCatalogue, givenGifts } from "../live/api";
import { giftName, type Gift, type Given } from "../live/gifts";
import type { Room } from "../live/room";
import { Empty, Notice } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { TopList } from "../viewer/gifts/top";

/** While many give, the list is read anew this often. */
const AGAIN_MS = 1_500;

export function GiftFeed({ room }: { room: Room }) {
  const [given, setGiven] = useState<Given[] | null>(null);
  const [catalogue, setCatalogue] = useState<Gift[]>([]);
  const task = useTask();
  const changes = room.gifts.changes.value;
  const [read, setRead] = useState(-1);
  useEffect(() => {
    void giftCatalogue(room.token).then(({ items }) => setCatalogue(items), () => undefined);
  }, [room]);
  useEffect(() => {
    if (read === changes) return;
    const timer = setTimeout(
      () => {
        setRead(changes);
        void task.run(async () => setGiven((await givenGifts(room.id, room.token)).items));
      },
      read < 0 ? 0 : AGAIN_MS,
    );
    return () => clearTimeout(timer);
    // The task changes with every run.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [room, changes, read]);
  return (
    <section class="gift-feed" aria-label={t("gift.feed")} data-testid="gift-feed">
      <h3>{t("gift.feed")}</h3>
      {task.refusal && <Notice tone="bad" icon="warn">{errorText(task.refusal)}</Notice>}
      {given?.length === 0 && (
        <Empty icon="gift" title={t("gift.feed.none")}>
          <span class="small">{t("gift.feed.none.hint")}</span>
        </Empty>
      )}
      <ul class="gift-given">
        {given?.map((each) => (
          <Row key={each.id} given={each} gift={catalogue.find(({ id }) => id === each.gift)} />
        ))}
      </ul>
      <h3>{t("gift.top")}</h3>
      <TopList room={room} />
    </section>
  );
}

function Row({ given, gift }: { given: Given; gift: Gift | undefined }) {
  const back = given.refunded_at_ms !== null;
  return (
    <li class={`line${back ? " struck" : ""}`} data-testid="gift-given" data-id={given.id}>
      {gift && <img src={gift.picture} alt="" width={28} height={28} />}
      <span class="ellipsis">
        {given.user.name} <span class="quiet">{gift ? giftName(gift, lang.value) : given.gift}</span> ×{given.count}
      </span>
      <span class="push small quiet numbers">{timeOfDay(given.at_ms)}</span>
      <strong class="small numbers">{back ? t("gift.refunded") : t("gift.earned", { n: given.earned })}</strong>
    </li>
  );
}
