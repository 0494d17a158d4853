/** The viewer's page: the picture, what is said, and what is sold. */
import { useSignal, useSignalEffect, type Signal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";

import { t } from "../i18n";
import type { Room } from "../live/room";
import type { LiveEvent, Product } from "../live/wire";
import { Cast } from "../media/cast";
import type { Via } from "../media/ladder";
import type { Player } from "../media/player";
import { IconButton } from "../ui/basics";
import { Chat } from "../ui/chat";
import { Composer } from "../ui/composer";
import { Countdown } from "../ui/countdown";
import { Closed } from "../ui/gate";
import { useMedia } from "../ui/hooks";
import { Held } from "../ui/held";
import { Icon } from "../ui/icon";
import { ProfileSheet } from "../ui/own_avatar";
import { ReportSheet } from "../ui/report";
import { Appeal } from "../ui/appeal";
import { BannedPage } from "../ui/sanction_notice";
import { toast } from "../ui/toasts";
import { BuySheet } from "./buy";
import { GiftsOver } from "./gifts/over";
import { GiftSheet } from "./gifts/sheet";
import { TopSheet } from "./gifts/top";
import { OwnPicture } from "./guests/own";
import { Hearts } from "./hearts";
import { Likes } from "./likes";
import { OrdersSheet } from "./orders";
import { Plays } from "./play/plays";
import { PacketForm } from "./play/packet_form";
import { Drops } from "./drops";
import { PointsSheet } from "./points/sheet";
import { Pinned, ShelfSheet } from "./products";
import { SaleCard, useOnSale } from "./sale_card";
import { SettingsSheet } from "./settings";
import { Stage } from "./stage";
import { reportLatency } from "./telemetry";
import { WalletSheet } from "./wallet/sheet";
import "./viewer.css";

export type Open = null | { sheet: "shelf" | "orders" | "settings" | "wallet" | "gift" | "top" | "packet" | "points" | "profile" } | { sheet: "buy"; product: Product; sku?: string; order?: string };

export function Viewer({ room, player, via }: { room: Room; player: Player; via: Via }) {
  const open = useSignal<Open>(null);
  const replyTo = useSignal<LiveEvent | null>(null);
  const reporting = useSignal<LiveEvent | null>(null);
  const resumed = useRef(false);
  const wide = useMedia("(min-width: 900px)");
  const likes = useMemo(() => new Likes((count) => room.like(count)), [room]);
  const hearts = useSignal<Hearts | null>(null);
  const own = useMemo(() => new OwnPicture(room), [room]);
  const cast = useMemo(() => new Cast(room.id, () => room.token, via, player.muted), [room, via, player]);

  useSignalEffect(() => cast.follow(room.state.value.stage.guests, own.slot.value ?? room.you.guest.value?.slot ?? null));
  useSignalEffect(() => {
    // Whoever is on stage hears the others as they speak.
    const talking = own.slot.value !== null;
    player.converse(talking);
    for (const member of cast.members.value) member.player?.converse(talking);
  });
  useSignalEffect(() => {
    if (own.slot.value !== null) player.setMuted(false);
  });
  useSignalEffect(() => {
    if (room.you.ban.value) player.follow("ended");
    else if (room.entered.value) player.follow(room.status.value, room.state.value.room.pause?.on ?? false);
  });
  useSignalEffect(() => {
    if (room.link.value !== "reconnecting") return;
    player.linkLost();
    cast.linkLost();
  });
  useSignalEffect(() => {
    const { title } = room.state.value.room;
    document.title = `${title || t("title.viewer")} · Danmart`;
  });
  useSignalEffect(() => {
    // Back from a page where an order was to be paid: on with it, once.
    const asked = new URLSearchParams(location.search).get("order");
    if (!resumed.current && room.you.topups.value.some(({ id }) => id === asked)) {
      resumed.current = true;
      open.value = { sheet: "wallet" };
    }
    const order = room.you.orders.value.find(({ id }) => id === asked);
    const product = room.state.value.products.find(({ id }) => id === order?.product);
    if (!order || !product || resumed.current) return;
    resumed.current = true;
    open.value = { sheet: "buy", product, order: order.id };
  });
  useEffect(() => {
    room.onReaction = (count) => hearts.value?.shower(count);
    return () => (room.onReaction = null);
  }, [room, hearts]);

  useEffect(() => {
    room.onReportAnswered = (outcome) => toast(t(`report.${outcome}`));
    return () => (room.onReportAnswered = null);
  }, [room]);
  useEffect(() => reportLatency(room, player), [room, player]);
  useSignalEffect(() => {
    if (room.you.avatarRemoved.value) toast(t("avatar.removed"));
  });

  const closed = room.closedBy.value;
  if (closed) return <Closed code={closed.code} demoRole="viewer" />;
  if (room.you.ban.value) {
    return (
      <BannedPage room={room}>
        <Appeal room={room} sanction={room.you.ban.value.sanction} />
      </BannedPage>
    );
  }

  const like = (x?: number, y?: number) => {
    hearts.value?.rise(x, y);
    if (room.can("like")) likes.add();
  };
  return (
    <div class={`viewer${player.landscape.value ? " landscape" : ""}`}>
      <Stage
        room={room}
        player={player}
        cast={cast}
        own={own}
        onLike={like}
        onOpen={(sheet) => (open.value = { sheet })}
        hearts={hearts}
      >
        <GiftsOver room={room} />
        {wide && <Offers room={room} open={open} />}
      </Stage>
      <section class="side" aria-label={t("side.label")}>
        {!wide && <Offers room={room} open={open} />}
        <Pinned room={room} hidden={wide ? null : "sale"} onBuy={(product) => (open.value = { sheet: "buy", product })} />
        <HeldReminder room={room} open={open} />
        <Chat
          room={room}
          tools={(event) => (
            <>
              {room.can("comment") && (
                <IconButton icon="reply" little label={t("reply")} onClick={() => (replyTo.value = event)} />
              )}
              {room.can("report") && event.user?.id !== room.you.user.value?.id && (
                <IconButton
                  icon="flag"
                  little
                  label={t("report.label", { name: event.user?.name ?? "" })}
                  onClick={() => (reporting.value = event)}
                  data-testid="report-button"
                />
              )}
            </>
          )}
        />
        <Held room={room} />
        <div class="actions">
          <div class="actions-composer">
            <Composer
              room={room}
              replyTo={replyTo}
              ways={{
                onGift: () => (open.value = { sheet: "gift" }),
                onBuy: () => (open.value = { sheet: "shelf" }),
              }}
            />
          </div>
          <button
            class="round"
            onClick={() => (open.value = { sheet: "shelf" })}
            aria-label={t("shelf.open", { n: room.state.value.products.length })}
            data-testid="shelf-button"
          >
            <Icon name="bag" size={22} />
            {room.state.value.products.length > 0 && (
              <span class="round-count numbers">{room.state.value.products.length}</span>
            )}
          </button>
          <button class="round gift" onClick={() => (open.value = { sheet: "gift" })} aria-label={t("gift.button")} data-testid="gift-button">
            <Icon name="gift" size={22} />
          </button>
          <LikeButton room={room} onLike={() => like()} />
        </div>
      </section>
      <Sheets room={room} player={player} open={open} />
      {reporting.value && <ReportSheet room={room} event={reporting.value} onClose={() => (reporting.value = null)} />}
    </div>
  );
}

/** What won't be there for long: over the picture, wherever that is. */
function Offers({ room, open }: { room: Room; open: Signal<Open> }) {
  const on = useOnSale(room);
  return (
    <div class="offers">
      <Drops room={room} />
      <Plays room={room} />
      {on && (
        <SaleCard
          room={room}
          on={on}
          onBuy={({ product, sku }) => (open.value = { sheet: "buy", product, sku: sku.id })}
        />
      )}
    </div>
  );
}

function LikeButton({ room, onLike }: { room: Room; onLike: () => void }) {
  const likes = room.likes.value;
  const count = likes > 999 ? "999+" : String(likes);
  return (
    <button class="round like" onClick={onLike} aria-label={likes > 0 ? `${t("like")}: ${count}` : t("like")} data-testid="like-button">
      <Icon name="heart" size={22} fill />
      {likes > 0 && (
        <span class="round-count numbers" data-testid="like-count">
          {count}
        </span>
      )}
    </button>
  );
}

/** Somebody who closed the sheet with an order unpaid is led back to it. */
function HeldReminder({ room, open }: { room: Room; open: Signal<Open> }) {
  const order = room.you.held.value[0];
  if (!order || open.value) return null;
  const product = room.state.value.products.find((each) => each.id === order.product);
  if (!product) return null;
  return (
    <button
      class="held-reminder"
      onClick={() => (open.value = { sheet: "buy", product, order: order.id })}
      data-testid="held-reminder"
    >
      <Icon name="clock" size={18} />
      <span class="ellipsis">{t("order.held.reminder", { title: order.title })}</span>
      {order.hold_until_ms !== null && (
        <Countdown untilMs={order.hold_until_ms} now={room.now} data-testid="reminder-countdown" />
      )}
      <strong>{t("order.pay")}</strong>
    </button>
  );
}

function Sheets({ room, player, open }: { room: Room; player: Player; open: Signal<Open> }) {
  const close = () => (open.value = null);
  const shown = open.value;
  switch (shown?.sheet) {
    case "buy":
      return (
        <BuySheet room={room} product={shown.product} sku={shown.sku} resume={shown.order ?? null} onClose={close} />
      );
    case "shelf":
      return (
        <ShelfSheet
          room={room}
          onBuy={(product) => (open.value = { sheet: "buy", product })}
          onOrders={() => (open.value = { sheet: "orders" })}
          onClose={close}
        />
      );
    case "orders":
      return (
        <OrdersSheet
          room={room}
          onResume={(product, order) => (open.value = { sheet: "buy", product, order })}
          onClose={close}
        />
      );
    case "wallet":
      return <WalletSheet room={room} onPoints={() => (open.value = { sheet: "points" })} onClose={close} />;
    case "gift":
      return (
        <GiftSheet
          room={room}
          onTop={() => (open.value = { sheet: "top" })}
          onPacket={() => (open.value = { sheet: "packet" })}
          onWallet={() => (open.value = { sheet: "wallet" })}
          onClose={close}
        />
      );
    case "packet":
      return <PacketForm room={room} onWallet={() => (open.value = { sheet: "wallet" })} onClose={close} />;
    case "top":
      return <TopSheet room={room} onClose={close} />;
    case "settings":
      return (
        <SettingsSheet
          room={room}
          player={player}
          onPoints={() => (open.value = { sheet: "points" })}
          onProfile={() => (open.value = { sheet: "profile" })}
          onClose={close}
        />
      );
    case "profile":
      return <ProfileSheet room={room} onClose={close} />;
    case "points":
      return <PointsSheet room={room} onClose={close} />;
    default:
      return null;
  }
}
