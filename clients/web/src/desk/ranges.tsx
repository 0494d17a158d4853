/** The ranges of addresses that are banned here, for who may ban one, with the way to lift that. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { span } from "../i18n/format";
import { t } from "../i18n";
import { addressBans, type AddressBan } from "../live/people";
import type { Room } from "../live/room";
import { Notice } from "../ui/basics";
import { useNow, useTask } from "../ui/hooks";
import { toast } from "../ui/toasts";

const TELLING: Readonly<Record<string, true>> = { address_banned: true, address_unbanned: true };

export function BannedRanges({ room }: { room: Room }) {
  const [bans, setBans] = useState<readonly AddressBan[]>([]);
  const task = useTask();
  const now = useNow(room.now, bans.length > 0, 1_000);
  const news = room.staff.log.value.find((event) => event.kind in TELLING)?.seq;
  useEffect(() => {
    let current = true;
    addressBans(room.id, room.token).then(
      (found) => {
        if (current) setBans(found);
      },
      () => undefined, // the list is an extra: what is in force above it is known without
    );
    return () => {
      current = false;
    };
  }, [room, news]);
  const active = bans.filter(({ until_ms }) => until_ms > now);
  const lift = (ban: string) =>
    task.run(async () => {
      const { lifted } = await room.send("moderate.unban_address", { ban });
      toast(t("people.ranges.lifted", { n: lifted }));
    });
  if (active.length === 0) return null;
  return (
    <section class="stack-tight banned-ranges" aria-label={t("people.ranges")} data-testid="banned-ranges">
      <h3>{t("people.ranges")}</h3>
      <ul class="rows">
        {active.map(({ id, user, width, reason, by, until_ms, everywhere }) => (
          <li key={id} data-testid="banned-range">
            <div class="row-main">
              <strong class="ellipsis">{user.name}</strong>
              <span class="small">{t(`people.range.${width}`)}</span>
              {reason && <span class="small quiet">{reason}</span>}
              <span class="small quiet">{t("desk.by", { name: by.name })}</span>
            </div>
            <span class="chip numbers bad">
              {span(until_ms - now)}
              {everywhere && ` · ${t("sanction.is.everywhere")}`}
            </span>
            {(!everywhere || room.can("sanction_everywhere")) && (
              <button
                class="button little outline"
                disabled={task.busy}
                onClick={() => void lift(id)}
                aria-label={t("sanction.undo.label", { what: t(`people.range.${width}`), name: user.name })}
                data-testid="range-lift"
              >
                {t("people.ranges.lift")}
              </button>
            )}
          </li>
        ))}
      </ul>
      {task.refusal && (
        <Notice tone="bad" icon="warn">
          {errorText(task.refusal)}
        </Notice>
      )}
    </section>
  );
}
