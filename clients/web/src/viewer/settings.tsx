import { t } from "../i18n";
import type { Room } from "../live/room";
import type { Player } from "../media/player";
import { Avatar, LangSwitch } from "../ui/basics";
import { Sheet } from "../ui/sheet";
import { bulletOpacity, bulletsOn } from "./preferences";

interface SettingsSheetProps {
  room: Room;
  player: Player;
  onPoints: () => void;
  onProfile: () => void;
  onClose: () => void;
}

export function SettingsSheet({ room, player, onPoints, onProfile, onClose }: SettingsSheetProps) {
  const user = room.you.user.value;
  return (
    <Sheet title={t("settings.view")} onClose={onClose}>
      {user && (
        <button class="profile-row" onClick={onProfile} data-testid="settings-profile">
          <Avatar id={user.id} name={user.name} avatar={user.avatar} size={44} />
          <span class="profile-row-text">
            <strong class="ellipsis">{user.name}</strong>
            <span class="small quiet">{t("avatar.title")}</span>
          </span>
        </button>
      )}
      <label class="line">
        <span>{t("settings.bullets")}</span>
        <input
          type="checkbox"
          class="switch"
          role="switch"
          checked={bulletsOn.value}
          onChange={(event) => (bulletsOn.value = event.currentTarget.checked)}
        />
      </label>
      <label class="line">
        <span>{t("settings.opacity")}</span>
        <input
          type="range"
          min="0.2"
          max="1"
          step="0.1"
          value={bulletOpacity.value}
          disabled={!bulletsOn.value}
          onInput={(event) => (bulletOpacity.value = Number(event.currentTarget.value))}
        />
      </label>
      <label class="line">
        <span>{t("settings.sound")}</span>
        <input
          type="checkbox"
          class="switch"
          role="switch"
          checked={!player.muted.value}
          onChange={(event) => player.setMuted(!event.currentTarget.checked)}
        />
      </label>
      <div class="line">
        <span>{t("settings.language")}</span>
        <LangSwitch plain />
      </div>
      <button class="button outline wide" onClick={onPoints} data-testid="settings-points">
        {t("points.open")}
      </button>
    </Sheet>
  );
}
