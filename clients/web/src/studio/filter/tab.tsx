import { t } from "../../i18n";
import type { Room } from "../../live/room";
import { RulebookDesk } from "./rulebook";

/** The room's filter in the studio; operators also find the way to the platform's. */
export function FilterTab({ room }: { room: Room }) {
  return (
    <>
      <RulebookDesk place={{ room: room.id, token: () => room.token }} />
      {room.you.can.value.has("manage_platform_filter") && (
        <p class="filter-elsewhere">
          <a href="/platform">{t("filter.platform")}</a>
        </p>
      )}
    </>
  );
}
