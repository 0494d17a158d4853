/** Who may comment, and how: the room's modes, and its shield as the one switch that a raid needs. */
import { useSignal } from "@preact/signals";

import { clockTime, span } from "../i18n/format";
import { t } from "../i18n";
import { shieldUp, WHO, type WhoMayComment } from "../live/modes";
import type { Room } from "../live/room";
import type { Commands } from "../live/wire";
import { useNow, useTask } from "./hooks";
import { Icon } from "./icon";
import "./modes.css";
import { Confirm } from "./sheet";
import { toast, toastError } from "./toasts";

const SLOW_MODES_S = [0, 3, 5, 10, 30, 60, 300];
const FOLLOWED_FOR_S = [0, 600, 3_600, 86_400, 604_800, 2_592_000];
const SHIELD_FOR_S = [600, 1_800, 3_600];
const LEVELS = [1, 3, 5, 10, 20, 30];

type Changes = Omit<Commands["room.modes"][0], "room">;

/** Puts the shield up or takes it down, and says so. */
export async function setShield(room: Room, on: boolean, forS?: number): Promise<void> {
  await room.send("room.modes", { shield: on, ...(on && forS ? { shield_for_s: forS } : {}) });
  toast(t(on ? "modes.shield.raised" : "modes.shield.lowered"));
}

export function ModesPanel({ room }: { room: Room }) {
  const { settings } = room.state.value;
  const task = useTask();
  const may = room.can("set_modes");
  const change = (changes: Changes) =>
    task.run(() => room.send("room.modes", changes).then(() => toast(t("saved")), toastError));
  const off = task.busy || !may;
  return (
    <div class="stack modes" data-testid="modes-panel">
      <ShieldCard room={room} />
      {!may && <p class="small quiet">{t("modes.readonly")}</p>}
      <Choice
        label={t("settings.who")}
        value={settings.who_may_comment}
        choices={WHO.map((who) => [who, t(`modes.who.${who}`)])}
        off={off}
        onChange={(who) => void change({ who_may_comment: who as WhoMayComment })}
        testid="who-may-comment"
      />
      {settings.who_may_comment === "followers" && (
        <Choice
          label={t("modes.followed_for")}
          value={settings.followed_for_s}
          choices={withNow(FOLLOWED_FOR_S, settings.followed_for_s).map((seconds) => [
            seconds,
            seconds === 0 ? t("modes.followed_for.any") : span(seconds * 1000),
          ])}
          off={off}
          onChange={(seconds) => void change({ followed_for_s: Number(seconds) })}
          testid="followed-for"
        />
      )}
      {settings.who_may_comment === "members" && (
        <Choice
          label={t("modes.member_level")}
          value={settings.member_level}
          choices={withNow(LEVELS, settings.member_level).map((level) => [level, String(level)])}
          off={off}
          onChange={(level) => void change({ member_level: Number(level) })}
          testid="member-level"
        />
      )}
      <Choice
        label={t("settings.slow")}
        value={settings.slow_mode_s}
        choices={withNow(SLOW_MODES_S, settings.slow_mode_s).map((seconds) => [
          seconds,
          seconds === 0 ? t("settings.slow.off") : t("settings.slow.every", { span: span(seconds * 1000) }),
        ])}
        off={off}
        onChange={(seconds) => void change({ slow_mode_s: Number(seconds) })}
        testid="slow-mode"
        hint={t("settings.slow.hint")}
      />
      <label class="mode-check">
        <input
          type="checkbox"
          checked={settings.emoji_only}
          disabled={off}
          onChange={(event) => void change({ emoji_only: event.currentTarget.checked })}
          data-testid="emoji-only"
        />
        <span>
          {t("modes.emoji_only")}
          <span class="small quiet">{t("modes.emoji_only.hint")}</span>
        </span>
      </label>
    </div>
  );
}

function Choice({ label, value, choices, off, onChange, testid, hint }: {
  label: string;
  value: string | number;
  choices: readonly (readonly [string | number, string])[];
  off: boolean;
  onChange: (value: string) => void;
  testid: string;
  hint?: string;
}) {
  return (
    <label class="field">
      <span class="label">{label}</span>
      <select
        class="input"
        value={value}
        disabled={off}
        onChange={(event) => onChange(event.currentTarget.value)}
        data-testid={testid}
      >
        {choices.map(([each, text]) => (
          <option key={each} value={each}>
            {text}
          </option>
        ))}
      </select>
      {hint && <span class="hint">{hint}</span>}
    </label>
  );
}

function withNow(choices: readonly number[], now: number): number[] {
  return [...new Set([...choices, now])].sort((a, b) => a - b);
}

function ShieldCard({ room }: { room: Room }) {
  const { settings } = room.state.value;
  const { shield } = settings;
  const now = useNow(room.now, shield?.until_ms != null, 1_000);
  const forS = useSignal(0);
  const task = useTask();
  const up = shieldUp(settings, now);
  const press = () => task.run(() => setShield(room, !up, forS.value).catch(toastError));
  return (
    <div class={`shield-card${up ? " up" : ""}`} data-testid="shield-card" data-up={up}>
      <div class="shield-head">
        <Icon name="shield" size={22} fill={up} />
        <strong>{t(up ? "modes.shield.up" : "modes.shield")}</strong>
        {up && (
          <span class="small numbers" data-testid="shield-left">
            {shield?.until_ms == null
              ? t("modes.shield.open")
              : t("modes.shield.left", { left: clockTime(shield.until_ms - now) })}
          </span>
        )}
      </div>
      <p class="small">{t(up ? "modes.shield.hint" : "modes.shield.down")}</p>
      {room.can("set_modes") && (
        <div class="shield-do">
          {!up && (
            <select
              class="input"
              value={forS.value}
              aria-label={t("modes.shield.for")}
              onChange={(event) => (forS.value = Number(event.currentTarget.value))}
              data-testid="shield-for"
            >
              <option value={0}>{t("modes.shield.for.open")}</option>
              {SHIELD_FOR_S.map((seconds) => (
                <option key={seconds} value={seconds}>
                  {span(seconds * 1000)}
                </option>
              ))}
            </select>
          )}
          <button
            class={`button ${up ? "outline" : "primary"}`}
            role="switch"
            aria-checked={up}
            disabled={task.busy}
            onClick={() => void press()}
            data-testid="shield-switch"
          >
            {t(up ? "modes.shield.lower" : "modes.shield.raise")}
          </button>
        </div>
      )}
    </div>
  );
}

/** Asks before the shield is moved by a key. */
export function ShieldConfirm({ room, onClose }: { room: Room; onClose: () => void }) {
  const up = shieldUp(room.state.value.settings, room.now());
  return (
    <Confirm
      title={t(up ? "modes.shield.ask.down" : "modes.shield.ask")}
      text={t(up ? "modes.shield.hint" : "modes.shield.down")}
      action={t(up ? "modes.shield.lower" : "modes.shield.raise")}
      onYes={() => {
        onClose();
        setShield(room, !up).catch(toastError);
      }}
      onClose={onClose}
    />
  );
}
