/** Lets nobody into a staff page who can't use it, and says what to do instead. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

import { isKey, t } from "../i18n";
import type { DemoRole } from "../live/api";
import type { Room } from "../live/room";
import { demoSignIn, forgetToken } from "../live/token";
import type { Action } from "../live/wire";
import { Blank, Spinner } from "./basics";
import { Appeal } from "./appeal";
import { BannedPage } from "./sanction_notice";

interface GateProps {
  room: Room;
  needs: Action;
  demoRole: Exclude<DemoRole, "viewer">;
  children: ComponentChildren;
}

export function Gate({ room, needs, demoRole, children }: GateProps) {
  const closed = room.closedBy.value;
  if (closed) return <Closed code={closed.code} demoRole={demoRole} />;
  if (room.you.ban.value) {
    return (
      <BannedPage room={room}>
        <Appeal room={room} sanction={room.you.ban.value.sanction} />
      </BannedPage>
    );
  }
  if (!room.entered.value) return <Waiting />;
  if (!room.you.can.value.has(needs)) {
    return <Closed code={room.you.role.value === "guest" ? "unauthenticated" : "forbidden"} demoRole={demoRole} />;
  }
  return <>{children}</>;
}

function Waiting() {
  const slow = useSignal(false);
  useEffect(() => {
    const timer = setTimeout(() => (slow.value = true), 4_000);
    return () => clearTimeout(timer);
  }, [slow]);
  return (
    <main class="blank" aria-busy="true">
      <div class="empty">
        <Spinner />
        {slow.value && <span>{t("gate.slow")}</span>}
      </div>
    </main>
  );
}

export function Closed({ code, demoRole }: { code: string; demoRole: DemoRole }) {
  const failed = useSignal(false);
  const signIn = async () => {
    forgetToken();
    const token = await demoSignIn(demoRole, t(`demo.name.${demoRole}`));
    if (token === null) failed.value = true;
    else location.reload();
  };
  const mayTryDemo = ["unauthenticated", "forbidden", "bad_token", "token_expired"].includes(code);
  const title = `closed.${code}.title`;
  const text = `closed.${code}`;
  return (
    <Blank icon="shield" title={t(isKey(title) ? title : "closed.title")}>
      <p class="quiet" data-testid="closed" data-code={code}>
        {t(isKey(text) ? text : "closed.other")}
      </p>
      {mayTryDemo && demoRole !== "viewer" && <p class="quiet small">{t(`closed.link.${demoRole}`)}</p>}
      {mayTryDemo && !failed.value && (
        <button class="button primary" onClick={() => void signIn()} data-testid="demo-sign-in">
          {t(`demo.enter.${demoRole}`)}
        </button>
      )}
      {failed.value && <p class="quiet small">{t("demo.none")}</p>}
      <a class="button outline" href="/">
        {t("closed.rooms")}
      </a>
    </Blank>
  );
}
