/** A red packet over the picture: a line of it, and a sheet with the envelope, what one got, and who got what. */
import { useCallback, useEffect, useState } from "preact/hooks";

import { errorText } from "../../i18n/errors";
import { t } from "../../i18n";
import type { Opens, Packet, Share } from "../../live/packet_wire";
import type { Room } from "../../live/room";
import { Avatar, IconButton, Notice, Spinner } from "../../ui/basics";
import { Countdown } from "../../ui/countdown";
import { useCountdown, useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Sheet } from "../../ui/sheet";
import { toast } from "../../ui/toasts";
import { noteShare, openPacket, shares, shown } from "./packet_side";
import type { PlayProps } from "./plays";
import "./packet.css";

export function PacketCard({ room, play, front, onFold }: PlayProps) {
  const packet = play as Packet;
  const left = room.counts.value[packet.id]?.left ?? packet.count;
  const share = shares.value[packet.id];
  return (
    <section class="packet-card" hidden={!front} aria-label={t("packet.one")} data-testid="packet-card" data-id={packet.id} data-left={left}>
      <Icon name="packet" size={26} />
      <div class="packet-text">
        <strong class="ellipsis">{t("packet.of", { name: packet.user.name })}</strong>
        <span class="small numbers ellipsis">
          {share ? `${t("packet.you_got")} ${t("packet.coins", { n: share.coins })}` : t("packet.left", { left, of: packet.count })}
          {" · "}
          <Countdown untilMs={packet.closes_at_ms} now={room.now} data-testid="packet-countdown" />
        </span>
      </div>
      <button class="button little packet-gold" onClick={() => (shown.value = packet)} data-testid="packet-look">
        {t(share ? "packet.see" : "packet.open")}
      </button>
      {onFold && <IconButton icon="close" little label={t("play.fold")} onClick={onFold} />}
      <span class="unseen" role="status">
        {t("packet.arrived", { name: packet.user.name })}
      </span>
    </section>
  );
}

/** The sheet of the packet that is looked at, and word of who was luckiest. */
export function ShownPacket({ room }: { room: Room }) {
  const ended = room.packetEnded.value;
  useEffect(() => {
    if (ended?.luckiest && ended.opened > 1) {
      toast(t("packet.was_luckiest", { name: ended.luckiest.user.name, n: ended.luckiest.coins }));
    }
  }, [ended]);
  const packet = shown.value;
  return packet && <PacketSheet key={packet.id} room={room} packet={packet} onClose={() => (shown.value = null)} />;
}

function PacketSheet({ room, packet, onClose }: { room: Room; packet: Packet; onClose: () => void }) {
  const task = useTask();
  const list = useOpens(room, packet);
  const share = shares.value[packet.id];
  const missed = useMissed(room, packet, list.opens, task.refusal?.code);
  const done = share !== undefined || missed !== null;
  const { refresh } = list;
  useEffect(() => {
    if (done) void refresh();
  }, [done, missed, refresh]);
  return (
    <Sheet title={t("packet.of", { name: packet.user.name })} onClose={onClose} data-testid="packet-sheet">
      <div class={`packet-envelope${share ? " opened" : ""}`}>
        <p class="packet-greeting">{packet.greeting || t("packet.greeting.none")}</p>
        {share && <Got share={share} />}
        {!share && missed && <p data-testid="packet-missed">{t(missed === "empty" ? "packet.empty" : "packet.over")}</p>}
        {!done && <OpenButton room={room} busy={task.busy} onOpen={() => void task.run(() => openPacket(room, packet))} />}
        {packet.who === "followers" && <p class="small" data-testid="packet-followers">{t("packet.followers")}</p>}
        <p class="small numbers">{t("packet.total", { n: packet.coins, of: packet.count })}</p>
      </div>
      {task.refusal && !missed && (
        <Notice tone="bad" icon="warn" data-testid="packet-error">
          {errorText(task.refusal)}
        </Notice>
      )}
      {done && <Who list={list} me={room.you.user.value?.id} />}
    </Sheet>
  );
}

function OpenButton({ room, busy, onOpen }: { room: Room; busy: boolean; onOpen: () => void }) {
  const may = room.can("play");
  return (
    <button class={`packet-coin${busy ? " turning" : ""}`} disabled={busy || !may} onClick={onOpen} data-testid="packet-open">
      <span class={may ? "" : "small"}>{t(busy ? "packet.opening" : may ? "packet.open" : "packet.sign_in")}</span>
    </button>
  );
}

function Got({ share }: { share: Share }) {
  return (
    <p class="packet-got" role="status" data-testid="packet-got" data-coins={share.coins}>
      <span class="small">{t("packet.you_got")}</span>
      <strong class="numbers">{share.coins}</strong>
      <span class="small">{t("packet.coins", { n: "" }).trim()}</span>
    </p>
  );
}

/** Why it can't be opened any more: by what the server said, by what was heard, and by the clock. */
function useMissed(room: Room, packet: Packet, opens: Opens | null, refused?: string): "empty" | "expired" | null {
  const left = useCountdown(packet.closes_at_ms, room.now);
  const ended = room.packetEnded.value;
  if (refused === "packet_empty") return "empty";
  if (ended?.id === packet.id) return ended.reason;
  return opens?.packet.ended ?? (refused === "over" || left === 0 ? "expired" : null);
}

interface OpensList {
  opens: Opens | null;
  refresh: () => Promise<void>;
  more: () => Promise<void>;
}

/** Who got what: read anew when something has changed, and page by page. */
function useOpens(room: Room, { id }: Packet): OpensList {
  const [opens, setOpens] = useState<Opens | null>(null);
  const read = useCallback(
    async (before: Opens | null) => {
      try {
        const page = await room.packetOpens(id, before?.next ?? 0);
        if (page.you) noteShare(id, page.you);
        setOpens(before ? { ...page, items: [...before.items, ...page.items] } : page);
      } catch {
        // The list is no more than an addition; it is asked for again with the next change.
      }
    },
    [room, id],
  );
  const refresh = useCallback(() => read(null), [read]);
  useEffect(() => {
    void refresh(); // says, too, whether it was opened in another window
  }, [refresh]);
  return { opens, refresh, more: () => read(opens) };
}

function Who({ list, me }: { list: OpensList; me: string | null | undefined }) {
  const { opens } = list;
  if (!opens) return <Spinner />;
  return (
    <>
      <h3>{t("packet.who")}</h3>
      {opens.items.length === 0 && <p class="quiet">{t("packet.nobody")}</p>}
      <ul class="packet-shares" data-testid="packet-shares" data-ended={opens.packet.ended ?? ""}>
        {opens.items.map(({ place, user, coins }) => (
          <li key={place} class={user.id === me ? "me" : ""} data-testid="packet-share" data-user={user.id} data-coins={coins}>
            <Avatar id={user.id} name={user.name} size={30} />
            <span class="ellipsis">{user.name}</span>
            {opens.packet.luckiest?.user.id === user.id && (
              <span class="chip packet-best" data-testid="packet-luckiest">
                {t("packet.luckiest")}
              </span>
            )}
            <strong class="numbers">{t("packet.coins", { n: coins })}</strong>
          </li>
        ))}
      </ul>
      {opens.next !== null && (
        <button class="button outline wide" onClick={() => void list.more()}>
          {t("packet.more")}
        </button>
      )}
    </>
  );
}
