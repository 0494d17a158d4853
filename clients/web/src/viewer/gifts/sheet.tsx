/** Choosing a gift, giving it, and giving it again while the combo lasts. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../../i18n/errors";
import { coins } from "../../i18n/format";
import { lang, t } from "../../i18n";
import { giftCatalogue } from "../../live/api";
import { COMBO_MS, giftName, type FanLevel, type Gift } from "../../live/gifts";
import type { Room } from "../../live/room";
import { Notice, Spinner } from "../../ui/basics";
import { WalletChip } from "../../ui/coins";
import { useNow, useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Sheet } from "../../ui/sheet";
import { Fan } from "./top";
import "./gifts.css";

const COUNTS = [1, 10, 66, 188, 520] as const;
const COUNT_MAX = 9999;

interface Last {
  gift: Gift;
  count: number;
  total: number;
  untilMs: number;
}

interface Props {
  room: Room;
  onTop: () => void;
  onPacket: () => void;
  onWallet: () => void;
  onClose: () => void;
}

export function GiftSheet({ room, onTop, onPacket, onWallet, onClose }: Props) {
  const [gifts, setGifts] = useState<Gift[] | null>(null);
  const [chosen, choose] = useState<Gift | null>(null);
  const [count, setCount] = useState(1);
  const [fan, setFan] = useState<FanLevel | null>(null);
  const [last, setLast] = useState<Last | null>(null);
  const loading = useTask();
  const giving = useTask();
  const load = loading.run;
  useEffect(() => {
    void load(async () => setGifts((await giftCatalogue()).items));
    // Once, when the sheet opens.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  const give = async (gift: Gift, pieces: number) => {
    await giving.run(async () => {
      const { event, fan: level } = await room.give(gift.id, pieces);
      setFan(level);
      setLast({ gift, count: pieces, total: comboCount(event.data), untilMs: event.at_ms + COMBO_MS });
    });
  };
  const may = room.can("gift");
  return (
    <Sheet title={t("gift.title")} onClose={onClose} data-testid="gift-sheet">
      <div class="line gift-head">
        <WalletChip room={room} onOpen={onWallet} />
        <span class="gift-tools">
          <button class="button outline little" onClick={onPacket} data-testid="packet-send-button">
            <Icon name="packet" size={16} />
            {t("packet.one")}
          </button>
          <button class="button outline little" onClick={onTop} data-testid="gift-top-button">
            {t("gift.top")}
          </button>
        </span>
      </div>
      {fan && <Fan fan={fan} />}
      {loading.refusal && <Notice tone="bad" icon="warn">{errorText(loading.refusal)}</Notice>}
      {!gifts && !loading.refusal && <Spinner />}
      <div class="gift-grid" role="radiogroup" aria-label={t("gift.title")}>
        {gifts?.map((gift) => (
          <button
            key={gift.id}
            role="radio"
            aria-checked={chosen?.id === gift.id}
            class={`gift-choice tier-${gift.tier}`}
            onClick={() => choose(gift)}
            data-testid="gift-choice"
            data-id={gift.id}
          >
            <img src={gift.picture} alt="" width={44} height={44} />
            <span class="small ellipsis">{giftName(gift, lang.value)}</span>
            <span class="small quiet numbers">{coins(gift.price)}</span>
          </button>
        ))}
      </div>
      <Counts count={count} onChange={setCount} />
      {giving.refusal && (
        <Notice tone="bad" icon="warn" data-testid="gift-error">
          {errorText(giving.refusal)}
        </Notice>
      )}
      <div class="gift-foot">
        <button
          class="button primary wide"
          disabled={!chosen || !may || giving.busy}
          onClick={() => chosen && void give(chosen, count)}
          data-testid="gift-send"
        >
          {sendLabel(may, chosen, count)}
        </button>
        {last && <Again key={last.gift.id} room={room} last={last} busy={giving.busy} onGive={() => void give(last.gift, last.count)} />}
      </div>
    </Sheet>
  );
}

function sendLabel(may: boolean, chosen: Gift | null, count: number): string {
  if (!may) return t("gift.sign_in");
  return chosen ? t("gift.send", { coins: coins(chosen.price * count) }) : t("gift.choose");
}

function comboCount(data: Record<string, unknown>): number {
  return (data.combo as { count: number }).count;
}

function Counts({ count, onChange }: { count: number; onChange: (count: number) => void }) {
  return (
    <div class="gift-counts" role="group" aria-label={t("gift.count")}>
      {COUNTS.map((each) => (
        <button key={each} class={`chip numbers${each === count ? " on" : ""}`} aria-pressed={each === count} onClick={() => onChange(each)}>
          {each}
        </button>
      ))}
      <input
        class="numbers"
        type="number"
        inputMode="numeric"
        min={1}
        max={COUNT_MAX}
        value={count}
        aria-label={t("gift.count")}
        data-testid="gift-count"
        onInput={(event) => {
          const wanted = Math.trunc(event.currentTarget.valueAsNumber);
          if (wanted >= 1) onChange(Math.min(COUNT_MAX, wanted));
        }}
      />
    </div>
  );
}

/** One tap more, as long as it makes the combo longer. */
function Again({ room, last, busy, onGive }: { room: Room; last: Last; busy: boolean; onGive: () => void }) {
  const now = useNow(room.now, true, 100);
  const left = last.untilMs - now;
  if (left <= 0) return null;
  return (
    <button class="combo-button" disabled={busy} onClick={onGive} data-testid="combo-button" style={{ "--left": left / COMBO_MS }}>
      <strong class="numbers">×{last.total}</strong>
      <span class="small numbers">{t("gift.again", { s: Math.ceil(left / 1000) })}</span>
    </button>
  );
}
