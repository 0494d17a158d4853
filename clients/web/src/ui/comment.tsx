import type { ComponentChildren } from "preact";

import { t } from "../i18n";
import { commentOf, type Author, type LiveEvent } from "../live/wire";
import { Avatar } from "./basics";
import { isStaff, Linked } from "./linked";

interface CommentProps {
  event: LiveEvent;
  own: boolean;
  children?: ComponentChildren;
}

/** One comment of a list; `children` are the tools beside it. */
export function Comment({ event, own, children }: CommentProps) {
  const { text, color, reply_to } = commentOf(event);
  return (
    <li class={`comment${own ? " own" : ""}`} data-testid="comment" data-id={event.id}>
      <Face user={event.user} />
      <div class="comment-main">
        {reply_to && (
          <span class="quote ellipsis">
            {reply_to.name}: {reply_to.text}
          </span>
        )}
        <Badges badges={event.user?.badges ?? []} />
        <span class="who">{event.user?.name ?? ""}</span>
        <span class={`text${color && color !== "white" ? ` ink-${color}` : ""}`}>
          {isStaff(event.user?.badges) ? <Linked text={text} /> : text}
        </span>
      </div>
      {children && <div class="comment-tools">{children}</div>}
    </li>
  );
}

/** The picture beside what somebody says. */
export function Face({ user }: { user: Author | undefined }) {
  return <Avatar id={user?.id ?? ""} name={user?.name ?? ""} avatar={user?.avatar} size={24} />;
}

export function Badges({ badges }: { badges: readonly string[] }) {
  const known = badges.filter((badge) => badge === "host" || badge === "moderator" || badge === "operator");
  const fan = badges.find((badge) => badge.startsWith("fan:"))?.slice(4);
  const level = badges.find((badge) => badge.startsWith("level:"))?.slice(6);
  return (
    <>
      {level && (
        <span class="comment-badge level numbers" title={t("badge.level", { level })} data-testid="level-badge" data-level={level}>
          <span aria-hidden="true">Lv{level}</span>
          <span class="unseen">{t("badge.level", { level })}</span>
        </span>
      )}
      {fan && (
        <span class="comment-badge fan numbers" title={t("badge.fan", { level: fan })} data-testid="fan-badge" data-level={fan}>
          <span aria-hidden="true">♥{fan}</span>
          <span class="unseen">{t("badge.fan", { level: fan })}</span>
        </span>
      )}
      {known.map((badge) => (
        <span key={badge} class={`comment-badge ${badge}`}>
          {t(`badge.${badge}`)}
        </span>
      ))}
    </>
  );
}
