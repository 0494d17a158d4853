/** The operators' page: the rulebook of the whole platform. */
import { useState } from "preact/hooks";

import { isKey, t } from "../i18n";
import type { Refusal } from "../live/errors";
import { takeToken } from "../live/token";
import { RulebookDesk } from "../studio/filter/rulebook";
import { Blank, LangSwitch, Logo } from "../ui/basics";
import { mount } from "../ui/page";
import "../studio/studio.css";
import "./platform.css";

const token = takeToken();
const CLOSED = ["unauthenticated", "forbidden", "bad_token", "token_expired"];

function Platform() {
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  document.title = `${t("platform.title")} · Danmart`;
  if (refusal && CLOSED.includes(refusal.code)) {
    const title = `closed.${refusal.code}.title`;
    return (
      <Blank icon="shield" title={t(isKey(title) ? title : "closed.title")}>
        <p class="quiet" data-testid="closed" data-code={refusal.code}>
          {t("platform.closed")}
        </p>
        <a class="button outline" href="/">
          {t("closed.rooms")}
        </a>
      </Blank>
    );
  }
  return (
    <div class="platform">
      <header class="bar">
        <Logo />
        <span class="studio-title ellipsis">{t("platform.title")}</span>
        <span class="push" />
        <LangSwitch />
      </header>
      <main>
        <div class="card">
          <h1>{t("filter.title")}</h1>
          <RulebookDesk place={{ room: null, token: () => token }} onRefused={setRefusal} />
        </div>
      </main>
    </div>
  );
}

mount(<Platform />);
