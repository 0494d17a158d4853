/** The room's address, to copy or to scan. */
import { useMemo } from "preact/hooks";
import { encode } from "uqr";

import { t } from "../i18n";
import type { Room } from "../live/room";
import { Icon } from "../ui/icon";
import { Sheet } from "../ui/sheet";
import { toast } from "../ui/toasts";

export function ShareSheet({ room, onClose }: { room: Room; onClose: () => void }) {
  const link = new URL(`/r/${encodeURIComponent(room.id)}`, location.href).href;
  const copy = () => {
    // Without HTTPS there is no clipboard: the field can still be selected.
    if (!("clipboard" in navigator)) return;
    navigator.clipboard.writeText(link).then(() => toast(t("share.copied")), () => undefined);
  };
  return (
    <Sheet title={t("share.title")} onClose={onClose} data-testid="share-sheet">
      <QrCode text={link} />
      <div class="composer-row">
        <input
          class="input"
          readOnly
          value={link}
          aria-label={t("share.link")}
          onFocus={(event) => event.currentTarget.select()}
          data-testid="share-link"
        />
        <button class="button primary" onClick={copy}>
          <Icon name="copy" size={18} />
          {t("share.copy")}
        </button>
      </div>
      <p class="small quiet">{t("share.hint")}</p>
    </Sheet>
  );
}

function QrCode({ text }: { text: string }) {
  const { size, path } = useMemo(() => {
    const code = encode(text, { ecc: "M", border: 2 });
    const dots = code.data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : [])));
    return { size: code.size, path: dots.join("") };
  }, [text]);
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={t("share.qr")} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#1d1821" />
    </svg>
  );
}
