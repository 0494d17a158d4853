/** The page of a recording: its picture, and the room beside it as it was. */
import { useSignal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { t } from "../i18n";
import type { Room } from "../live/room";
import { Spinner } from "../ui/basics";
import { Chat } from "../ui/chat";
import { useMedia } from "../ui/hooks";
import { Pinned } from "../viewer/products";
import { SaleCard, useOnSale } from "../viewer/sale_card";
import "../viewer/viewer.css";
import { Controls } from "./controls";
import { useKeys } from "./keys";
import type { PastRoom } from "./past_room";
import { PastPlays } from "./plays";
import "./replay.css";
import { Sheets, type Open } from "./sheets";
import { Stage } from "./stage";
import type { Vod } from "./vod";
import type { Chapter, Recording } from "./wire";

interface ReplayProps {
  card: Recording;
  chapters: readonly Chapter[];
  past: PastRoom;
  /** The same room now: what is sold today, and where. */
  today: Room;
  vod: Vod;
}

export function Replay({ card, chapters, past, today, vod }: ReplayProps) {
  const open = useSignal<Open>(null);
  const wide = useMedia("(min-width: 900px)");
  useKeys(vod, card.duration_ms);
  useEffect(() => {
    document.title = `${card.title} · ${t("title.replay")}`;
  }, [card]);
  const controls = <Controls card={card} chapters={chapters} vod={vod} today={today} open={open} wide={wide} />;
  return (
    <main class={`viewer replay${card.width > card.height ? " landscape" : ""}`}>
      <Stage card={card} past={past} today={today} vod={vod}>
        {wide && <Offers past={past} open={open} />}
        {wide && controls}
      </Stage>
      <section class="side" aria-label={t("replay.side")}>
        {!wide && <Offers past={past} open={open} />}
        <Pinned room={past} hidden={wide ? null : "sale"} onBuy={({ id }) => (open.value = { sheet: "buy", product: id })} />
        {past.entered.value ? <Chat room={past} past /> : <Loading />}
        {past.trouble.value && (
          <p class="replay-trouble small" role="status">
            {t("replay.trouble")}
          </p>
        )}
        {!wide && controls}
      </section>
      <Sheets card={card} chapters={chapters} today={today} vod={vod} open={open} />
    </main>
  );
}

function Loading() {
  return (
    <div class="chat" aria-busy="true">
      <div class="empty">
        <Spinner />
        <span class="unseen">{t("loading")}</span>
      </div>
    </div>
  );
}

/** What was offered at that time, over the picture. */
function Offers({ past, open }: { past: PastRoom; open: Signal<Open> }) {
  const on = useOnSale(past);
  return (
    <div class="offers">
      <PastPlays room={past} />
      {on && (
        <SaleCard
          room={past}
          on={on}
          action={t("replay.today")}
          onBuy={({ product, sku }) => (open.value = { sheet: "buy", product: product.id, sku: sku.id })}
        />
      )}
    </div>
  );
}
