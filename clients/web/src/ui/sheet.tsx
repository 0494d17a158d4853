/** A modal dialog: a sheet from below on a phone, a card elsewhere. Escape and the backdrop close it. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

import { t } from "../i18n";
import { IconButton } from "./basics";

interface SheetProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  "data-testid"?: string;
}

export function Sheet({ title, onClose, children, ...rest }: SheetProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class="sheet"
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => {
        if (event.target === dialog.current) onClose();
      }}
      {...rest}
    >
      <div class="sheet-head">
        <h2 id={titleId}>{title}</h2>
        <IconButton icon="close" label={t("close")} onClick={onClose} />
      </div>
      <div class="sheet-body">{children}</div>
    </dialog>
  );
}

/** A question before something is done; `other` is another thing that might have been meant. */
export function Confirm({ title, text, action, onYes, other, onClose }: {
  title: string;
  text: string;
  action: string;
  onYes: () => void;
  other?: { action: string; onYes: () => void };
  onClose: () => void;
}) {
  return (
    <Sheet title={title} onClose={onClose} data-testid="confirm">
      <p class="quiet">{text}</p>
      <button class="button primary wide" onClick={onYes} data-testid="confirm-yes">
        {action}
      </button>
      {other && (
        <button class="button outline wide" onClick={other.onYes} data-testid="confirm-other">
          {other.action}
        </button>
      )}
      <button class="button outline wide" onClick={onClose}>
        {t("cancel")}
      </button>
    </Sheet>
  );
}
