/** What is opened from a replay: its chapters, what is sold today, a link to this place. */
import type { Signal } from "@preact/signals";

import { clockTime } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { Notice, Spinner, Thumb } from "../ui/basics";
import { Sheet } from "../ui/sheet";
import { toast } from "../ui/toasts";
import { BuySheet } from "../viewer/buy";
import { OrdersSheet } from "../viewer/orders";
import { ShelfSheet } from "../viewer/products";
import { linkAt } from "./share";
import type { Vod } from "./vod";
import type { Chapter, Recording } from "./wire";

export type Open =
  | null
  | { sheet: "chapters" | "shelf" | "share" | "orders" }
  | { sheet: "buy"; product: string; sku?: string; order?: string };

interface SheetsProps {
  card: Recording;
  chapters: readonly Chapter[];
  today: Room;
  vod: Vod;
  open: Signal<Open>;
}

export function Sheets({ card, chapters, today, vod, open }: SheetsProps) {
  const close = () => (open.value = null);
  const shown = open.value;
  switch (shown?.sheet) {
    case "chapters":
      return <Chapters chapters={chapters} vod={vod} onClose={close} />;
    case "share":
      return <Share card={card} vod={vod} onClose={close} />;
    case "orders":
      return (
        <OrdersSheet
          room={today}
          onResume={({ id }, order) => (open.value = { sheet: "buy", product: id, order })}
          onClose={close}
        />
      );
    case "shelf":
      return (
        <Today room={today} onClose={close}>
          {() => (
            <ShelfSheet
              room={today}
              onBuy={({ id }) => (open.value = { sheet: "buy", product: id })}
              onOrders={() => (open.value = { sheet: "orders" })}
              onClose={close}
            />
          )}
        </Today>
      );
    case "buy":
      return (
        <Today room={today} onClose={close}>
          {() => <Buy room={today} shown={shown} onClose={close} />}
        </Today>
      );
    default:
      return null;
  }
}

/** What needs the room as it is now: while it is asked for, and when it can't be had, that is said. */
function Today({ room, onClose, children }: { room: Room; onClose: () => void; children: () => preact.JSX.Element }) {
  if (room.entered.value && !room.closedBy.value) return children();
  return (
    <Sheet title={t("shelf.title")} onClose={onClose} data-testid="no-shop">
      {room.closedBy.value ? <Notice icon="info">{t("replay.no_shop")}</Notice> : <Spinner />}
    </Sheet>
  );
}

/** Bought like anything of the room's shelf, at today's price, if it is still there. */
function Buy({ room, shown, onClose }: { room: Room; shown: Extract<Open, { sheet: "buy" }>; onClose: () => void }) {
  const product = room.state.value.products.find(({ id }) => id === shown.product);
  if (product) {
    return <BuySheet room={room} product={product} sku={shown.sku} resume={shown.order ?? null} onClose={onClose} />;
  }
  return (
    <Sheet title={t("buy.title")} onClose={onClose} data-testid="not-sold">
      <Notice icon="info">{t("replay.not_sold")}</Notice>
    </Sheet>
  );
}

function Chapters({ chapters, vod, onClose }: { chapters: readonly Chapter[]; vod: Vod; onClose: () => void }) {
  const at = vod.timeMs.value;
  const go = (ms: number) => {
    vod.seek(ms);
    onClose();
  };
  return (
    <Sheet title={t("replay.chapters")} onClose={onClose} data-testid="chapters">
      <ol class="chapters">
        {chapters.map((chapter) => {
          const current = chapter.from_ms <= at && at < chapter.to_ms;
          return (
            <li key={chapter.from_ms}>
              <button class="chapter" onClick={() => go(chapter.from_ms)} aria-current={current ? "true" : undefined} data-testid="chapter" data-from={chapter.from_ms}>
                <Thumb url={chapter.picture} size={48} />
                <span class="chapter-title">{chapter.title}</span>
                <span class="numbers quiet">{clockTime(chapter.from_ms)}</span>
              </button>
            </li>
          );
        })}
      </ol>
    </Sheet>
  );
}

function Share({ card, vod, onClose }: { card: Recording; vod: Vod; onClose: () => void }) {
  const at = Math.floor(vod.timeMs.peek() / 1000) * 1000;
  const copy = (link: string) =>
    void navigator.clipboard.writeText(link).then(
      () => toast(t("replay.copied")),
      () => undefined, // it stands there to be copied by hand
    );
  return (
    <Sheet title={t("share")} onClose={onClose} data-testid="share">
      {[0, at].map((ms, n) => (
        <label class="field" key={n}>
          <span class="label">{n === 0 ? t("replay.share.whole") : t("replay.share.from", { time: clockTime(ms) })}</span>
          <span class="share-row">
            <input class="input" readOnly value={n === 0 ? linkAt(0).split("#")[0] : linkAt(ms)} onFocus={(event) => event.currentTarget.select()} data-testid={n === 0 ? "share-link" : "share-link-at"} />
            <button class="button outline" onClick={() => copy(n === 0 ? (linkAt(0).split("#")[0] ?? "") : linkAt(ms))}>
              {t("replay.copy")}
            </button>
          </span>
        </label>
      ))}
      {!card.public && <Notice icon="info">{t("replay.share.private")}</Notice>}
    </Sheet>
  );
}
