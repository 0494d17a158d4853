import { t } from "../i18n";
import type { Player } from "../media/player";
import { LangSwitch } from "../ui/basics";
import { Sheet } from "../ui/sheet";
import { bulletOpacity, bulletsOn } from "./preferences";

export function SettingsSheet({ player, onPoints, onClose }: { player: Player; onPoints: () => void; onClose: () => void }) {
  return (
    <Sheet title={t("settings.view")} onClose={onClose}>
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
