/** The host's page. */
import { useSignal, useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo } from "preact/hooks";

import { clockTime } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { Cast } from "../media/cast";
import { LangSwitch, Logo, Notice, Spinner, ViewerCount } from "../ui/basics";
import { GuestsPanel } from "../ui/guests";
import { useMedia, useNow } from "../ui/hooks";
import { PictureAlerts, WithheldPictures } from "../ui/picture_alert";
import { SoundAlerts } from "../ui/sound_alert";
import { RecSign } from "../ui/rec";
import { Tabs } from "../ui/tabs";
import { toast } from "../ui/toasts";
import type { Broadcast } from "./broadcast";
import { Comments } from "./comments";
import { Controls } from "./controls";
import { Earnings } from "./earnings";
import { FilterTab } from "./filter/tab";
import { FollowersSection } from "./followers";
import { Previews } from "./guests/previews";
import { Orders } from "./orders";
import { PlayTab } from "./play/play";
import { Preview } from "./preview";
import { Recordings } from "./recordings/recordings";
import { Sales } from "./sales";
import { Settings } from "./settings";
import { ShareSheet } from "./share";
import { Shelf } from "./shelf";
import { Transparency } from "./transparency/transparency";
import "./studio.css";

type Panel = "comments" | "shelf" | "sales" | "play" | "guests" | "orders" | "recordings" | "filter" | "transparency" | "settings";

const PANELS: Record<Panel, (room: Room) => ComponentChildren> = {
  comments: (room) => <Comments room={room} />,
  shelf: (room) => <Shelf room={room} />,
  sales: (room) => <Sales room={room} />,
  play: (room) => <PlayTab room={room} />,
  guests: (room) => <GuestsPanel room={room} />,
  orders: (room) => (
    <>
      <Orders room={room} />
      <Earnings room={room} />
      <FollowersSection room={room} />
    </>
  ),
  recordings: (room) => <Recordings room={room} />,
  filter: (room) => <FilterTab room={room} />,
  transparency: (room) => <Transparency room={room} />,
  settings: (room) => <Settings room={room} />,
};

export function Studio({ room, broadcast }: { room: Room; broadcast: Broadcast }) {
  const wide = useMedia("(min-width: 1180px)");
  const panel = useSignal<Panel>("shelf");
  const sharing = useSignal(false);
  const deaf = useSignal(false);
  // The host talks with the guests: WebRTC or nothing.
  const cast = useMemo(() => new Cast(room.id, () => room.token, "whep", deaf), [room, deaf]);
  const { air } = broadcast.publisher;

  useEffect(() => void broadcast.begin(), [broadcast]);
  useEffect(() => {
    room.staff.onOrder = (order) => {
      if (order.status === "paid") toast(t("orders.paid", { name: order.buyer.name, title: order.title }));
    };
    room.staff.onGuest = ({ status, user }) => {
      if (status === "asked") toast(t("guests.asks", { name: user.name }));
    };
    room.staff.onRecording = (status) => toast(t(`rec.${status}`));
    return () => {
      room.staff.onRecording = null;
      room.staff.onOrder = null;
      room.staff.onGuest = null;
    };
  }, [room]);
  useSignalEffect(() => {
    const live = air.value === "live" || air.value === "reconnecting";
    document.title = `${live ? `● ${t("status.live")} · ` : ""}${room.state.value.room.title} · ${t("title.studio")}`;
  });

  const waiting = room.staff.guests.value.filter(({ status }) => status === "asked").length;
  const held = room.staff.orders.value.filter((order) => order.status === "held").length;
  const all: { name: Panel; label: string; count?: number }[] = [
    { name: "comments", label: t("studio.comments") },
    { name: "shelf", label: t("studio.shelf"), count: room.state.value.products.length },
    { name: "sales", label: t("studio.sales"), count: room.state.value.sales.length },
    { name: "play", label: t("studio.play"), count: room.state.value.plays.length },
    { name: "guests", label: t("studio.guests"), count: waiting },
    { name: "orders", label: t("studio.orders"), count: held },
    { name: "recordings", label: t("recordings.tab") },
    { name: "filter", label: t("filter.tab") },
    ...(room.can("see_audit") ? [{ name: "transparency" as const, label: t("transparency.tab") }] : []),
    { name: "settings", label: t("studio.settings") },
  ];
  const tabs = wide ? all.slice(1) : all;
  const shown = wide && panel.value === "comments" ? "shelf" : panel.value;
  return (
    <div class={`studio air-${air.value}`}>
      <Header room={room} broadcast={broadcast} onShare={() => (sharing.value = true)} />
      {room.link.value === "reconnecting" && (
        <div class="strip">
          <Notice tone="wait" icon="warn">
            {t("reconnecting")}
          </Notice>
        </div>
      )}
      <PictureAlerts room={room} />
      <SoundAlerts room={room} />
      <WithheldPictures room={room} />
      <main class="studio-grid">
        <section class="studio-stage" aria-label={t("studio.stage")}>
          <Preview broadcast={broadcast} />
          <Previews room={room} cast={cast} deaf={deaf} />
          <Controls room={room} broadcast={broadcast} />
        </section>
        {wide && (
          <section class="card panel studio-comments" aria-label={t("studio.comments")}>
            <h2 class="panel-title">{t("studio.comments")}</h2>
            <Comments room={room} />
          </section>
        )}
        <section class="card panel">
          <Tabs tabs={tabs} current={shown} label={t("studio.panels")} onChange={(name) => (panel.value = name)}>
            {PANELS[shown](room)}
          </Tabs>
        </section>
      </main>
      {sharing.value && <ShareSheet room={room} onClose={() => (sharing.value = false)} />}
    </div>
  );
}

function Header({ room, broadcast, onShare }: { room: Room; broadcast: Broadcast; onShare: () => void }) {
  return (
    <header class="bar studio-bar">
      <Logo />
      <span class="studio-title ellipsis">{room.state.value.room.title}</span>
      <span class="push" />
      <RecSign room={room} />
      <AirState broadcast={broadcast} />
      <ViewerCount count={room.viewers.value} />
      <button class="button outline little share-button" onClick={onShare} data-testid="share-button">
        {t("share")}
      </button>
      <LangSwitch />
    </header>
  );
}

/** Whether the host is on the air: the one thing that nobody may be in doubt about. */
function AirState({ broadcast }: { broadcast: Broadcast }) {
  const air = broadcast.publisher.air.value;
  const since = broadcast.sinceMs.value;
  const now = useNow(Date.now, since !== null, 500);
  return (
    <span class={`air ${air}`} role="status" data-testid="air-state" data-value={air}>
      {air === "starting" || air === "reconnecting" || air === "stopping" ? <Spinner /> : <i class="air-dot" />}
      <strong>{t(`air.${air}`)}</strong>
      {since !== null && (
        <span class="numbers" data-testid="elapsed">
          {clockTime(now - since)}
        </span>
      )}
    </span>
  );
}

