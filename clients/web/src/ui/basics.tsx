/** The small parts that all pages are made of. */
import type { ButtonHTMLAttributes, ComponentChildren } from "preact";

import { useState } from "preact/hooks";

import mark from "../assets/mark.svg";
import { compact } from "../i18n/format";
import { lang, setLang, t } from "../i18n";
import type { RoomStatus } from "../live/wire";
import { Icon, type IconName } from "./icon";

export function Logo() {
  return (
    <a class="logo" href="/" aria-label="danmart">
      <img src={mark} alt="" />
      <span>danmart</span>
    </a>
  );
}

export function LangSwitch({ plain = false }: { plain?: boolean }) {
  const other = lang.value === "en" ? "zh" : "en";
  const name = other === "zh" ? "中文" : "English";
  return (
    <button
      class={plain ? "button outline little" : "icon-button lang-switch"}
      lang={other === "zh" ? "zh-CN" : "en"}
      onClick={() => setLang(other)}
      title={name}
      aria-label={name}
      data-testid="lang-switch"
    >
      {plain ? name : <Icon name="language" />}
    </button>
  );
}

type IconButtonProps = Omit<ButtonHTMLAttributes, "icon"> & {
  icon: IconName;
  label: string;
  little?: boolean;
  filled?: boolean;
  disabled?: boolean;
  "data-testid"?: string;
};

export function IconButton({ icon, label, little = false, filled = false, class: extra, ...rest }: IconButtonProps) {
  const classes = `icon-button${little ? " little" : ""} ${typeof extra === "string" ? extra : ""}`;
  return (
    <button type="button" {...rest} class={classes} aria-label={label} title={label}>
      <Icon name={icon} size={little ? 18 : 21} fill={filled} />
    </button>
  );
}

export function Spinner() {
  return <span class="spinner" aria-hidden="true" />;
}

/** Pictures that weren't there: nobody asks for those again. */
const gone = new Set<string>();
const GONE_KEPT = 1_000;

/** Somebody's picture, or while there is none, a letter on a colour of their own. */
export function Avatar({ id, name, avatar, size = 36 }: {
  id: string;
  name: string;
  avatar?: string | null | undefined;
  size?: number;
}) {
  const [, lost] = useState("");
  let hash = 0;
  for (const char of id) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 360;
  const shown = avatar && !gone.has(avatar) ? avatar : null;
  return (
    <span class="avatar" style={{ "--size": `${size}px`, "--hue": hash }} aria-hidden="true" data-avatar={shown ?? ""}>
      {Array.from(name)[0]?.toUpperCase() ?? "?"}
      {shown && (
        <img
          key={shown}
          src={`/avatars/${shown}`}
          alt=""
          loading="lazy"
          draggable={false}
          onError={() => {
            if (gone.size >= GONE_KEPT) gone.clear();
            gone.add(shown);
            lost(shown);
          }}
        />
      )}
    </span>
  );
}

export function Thumb({ url, size = 60 }: { url: string | null; size?: number }) {
  const style = { "--size": `${size}px` };
  if (url !== null) return <img class="thumb" style={style} src={url} alt="" loading="lazy" />;
  return (
    <span class="thumb" style={style}>
      <Icon name="bag" size={Math.round(size * 0.4)} />
    </span>
  );
}

export function LiveBadge({ status }: { status: RoomStatus }) {
  return (
    <span class={`live-badge${status === "live" ? "" : " off"}`} data-testid="live-badge" data-status={status}>
      {t(`status.${status}`)}
    </span>
  );
}

export function ViewerCount({ count }: { count: number }) {
  return (
    <span class="viewer-count numbers" title={t("viewers.label")}>
      <Icon name="eye" size={16} />
      <span class="unseen">{t("viewers.label")}: </span>
      <span data-testid="viewer-count" data-value={count}>
        {compact(count)}
      </span>
    </span>
  );
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} size={28} />
      <strong>{title}</strong>
      {children}
    </div>
  );
}

type Tone = "plain" | "good" | "wait" | "bad";

export function Notice({ tone = "plain", icon = "info", children, ...rest }: {
  tone?: Tone;
  icon?: IconName;
  children: ComponentChildren;
  "data-testid"?: string;
}) {
  return (
    <div class={`notice ${tone}`} role={tone === "bad" ? "alert" : "status"} {...rest}>
      <Icon name={icon} size={18} />
      <div>{children}</div>
    </div>
  );
}

export function Blank({ icon, title, children }: { icon: IconName; title: string; children: ComponentChildren }) {
  return (
    <main class="blank">
      <div class="card blank-card">
        <Icon name={icon} size={34} />
        <h1>{title}</h1>
        {children}
        <LangSwitch plain />
      </div>
    </main>
  );
}
