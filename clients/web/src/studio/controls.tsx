/** Below the preview: devices, going live and stopping, how the stream is doing. */
import { useSignal } from "@preact/signals";

import { errorText } from "../i18n/errors";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { Notice, Spinner } from "../ui/basics";
import { Icon } from "../ui/icon";
import { Confirm } from "../ui/sheet";
import { toast } from "../ui/toasts";
import type { Broadcast } from "./broadcast";
import { HealthLine } from "./health";
import { PauseButton } from "./pause";
import { RecordSwitch } from "./recording";

export function Controls({ room, broadcast }: { room: Room; broadcast: Broadcast }) {
  const air = broadcast.publisher.air.value;
  const onAir = air === "live" || air === "reconnecting";
  return (
    <div class="controls">
      {onAir ? (
        <OnAir room={room} broadcast={broadcast} />
      ) : (
        <OffAir room={room} broadcast={broadcast} busy={air !== "off"} />
      )}
      <DeviceChoice broadcast={broadcast} />
    </div>
  );
}

function OffAir({ room, broadcast, busy }: { room: Room; broadcast: Broadcast; busy: boolean }) {
  const trouble = broadcast.publisher.trouble.value;
  const occupied = trouble?.code === "publisher_busy";
  const taken = room.status.value === "live" || room.status.value === "interrupted";
  return (
    <>
      {trouble && !occupied && (
        <Notice tone="bad" icon="warn" data-testid="publish-error">
          {errorText(trouble)}
        </Notice>
      )}
      {!trouble && taken && !busy && <Notice icon="info">{t("golive.taken")}</Notice>}
      <button
        class="button primary wide go-live"
        disabled={busy || broadcast.stream.value === null}
        onClick={() => void broadcast.goLive()}
        data-testid="go-live"
      >
        {busy ? <Spinner /> : <i class="air-dot" />}
        {t(busy ? "air.starting" : "golive")}
      </button>
      {taken && !busy && (
        <>
          <PauseButton room={room} broadcast={broadcast} />
          <RecordSwitch room={room} />
          <HealthLine room={room} publisher={broadcast.publisher} />
        </>
      )}
      {occupied && (
        <Confirm
          title={t("takeover.title")}
          text={t("takeover.text")}
          action={t("takeover.action")}
          onYes={() => void broadcast.goLive(true)}
          onClose={() => (broadcast.publisher.trouble.value = null)}
        />
      )}
    </>
  );
}

function OnAir({ room, broadcast }: { room: Room; broadcast: Broadcast }) {
  const asking = useSignal(false);
  const stop = async () => {
    asking.value = false;
    const confirmed = await broadcast.stop();
    // The goodbye got lost: say it another way, or viewers would wait for a host who is gone.
    if (!confirmed) await room.send("room.end", {}).catch(() => undefined);
    toast(t("stop.done"));
  };
  return (
    <>
      {broadcast.publisher.air.value === "reconnecting" && (
        <Notice tone="wait" icon="warn" data-testid="publish-reconnecting">
          {t("golive.reconnecting")}
        </Notice>
      )}
      <PauseButton room={room} broadcast={broadcast} />
      <RecordSwitch room={room} />
      <button class="button wide stop" onClick={() => (asking.value = true)} data-testid="end-stream">
        <Icon name="stop" fill />
        {t("stop")}
      </button>
      <HealthLine room={room} publisher={broadcast.publisher} />
      {asking.value && (
        <Confirm
          title={t("stop.title")}
          text={t("stop.text")}
          action={t("stop.action")}
          onYes={() => void stop()}
          onClose={() => (asking.value = false)}
        />
      )}
    </>
  );
}

function DeviceChoice({ broadcast }: { broadcast: Broadcast }) {
  const { cameras, microphones } = broadcast.devices.value;
  const { source, orientation, camera, microphone } = broadcast.wish.value;
  const busy = broadcast.opening.value;
  const tracks = broadcast.stream.value?.getTracks() ?? [];
  const inUse = (kind: string) => tracks.find((track) => track.kind === kind)?.getSettings().deviceId ?? null;
  return (
    <div class="devices">
      <div class="choice-row" role="group" aria-label={t("source.label")}>
        <Choice on={source === "camera"} disabled={busy} onPick={() => void broadcast.choose({ source: "camera" })}>
          <Icon name="camera" size={18} />
          {t("source.camera")}
        </Choice>
        <Choice
          on={source === "screen"}
          disabled={busy}
          testId="share-screen"
          onPick={() => void broadcast.choose({ source: "screen" })}
        >
          <Icon name="screen" size={18} />
          {t("source.screen")}
        </Choice>
        {source === "camera" && (
          <Choice
            on={false}
            disabled={busy}
            testId="orientation"
            onPick={() =>
              void broadcast.choose({ orientation: orientation === "portrait" ? "landscape" : "portrait" })
            }
          >
            <Icon name="turn" size={18} />
            {t(`orientation.${orientation}`)}
          </Choice>
        )}
      </div>
      {source === "camera" && cameras.length > 1 && (
        <DeviceSelect
          label={t("device.camera")}
          devices={cameras}
          chosen={camera ?? inUse("video")}
          onPick={(id) => void broadcast.choose({ camera: id })}
        />
      )}
      {microphones.length > 1 && (
        <DeviceSelect
          label={t("device.microphone")}
          devices={microphones}
          chosen={microphone ?? inUse("audio")}
          onPick={(id) => void broadcast.choose({ microphone: id })}
        />
      )}
    </div>
  );
}

function Choice({ on, disabled, onPick, testId, children }: {
  on: boolean;
  disabled: boolean;
  onPick: () => void;
  testId?: string;
  children: preact.ComponentChildren;
}) {
  return (
    <button
      class={`choice${on ? " on" : ""}`}
      aria-pressed={on}
      disabled={disabled}
      onClick={onPick}
      data-testid={testId}
    >
      {children}
    </button>
  );
}

function DeviceSelect({ label, devices, chosen, onPick }: {
  label: string;
  devices: readonly MediaDeviceInfo[];
  chosen: string | null;
  onPick: (id: string) => void;
}) {
  return (
    <label class="field">
      <span class="label">{label}</span>
      <select class="input" value={chosen ?? ""} onChange={(event) => onPick(event.currentTarget.value)}>
        {devices.map((device, i) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label || `${label} ${i + 1}`}
          </option>
        ))}
      </select>
    </label>
  );
}
