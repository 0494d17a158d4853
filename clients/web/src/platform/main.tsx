/** The operators' page: the rulebook of the whole platform, and what moderation comes to in all rooms. */
import { useState } from "preact/hooks";

import { isKey, t } from "../i18n";
import type { Refusal } from "../live/errors";
import { takeToken } from "../live/token";
import { RulebookDesk } from "../studio/filter/rulebook";
import { Blank, LangSwitch, Logo } from "../ui/basics";
import { mount } from "../ui/page";
import { Tabs } from "../ui/tabs";
import { TrailAlarm, useWatch } from "./trails";
import { PlatformTransparency } from "./transparency";
import "../studio/studio.css";
import "./platform.css";

const token = takeToken();
const CLOSED = ["unauthenticated", "forbidden", "bad_token", "token_expired"];

type Panel = "filter" | "transparency";

function Platform() {
  const [panel, setPanel] = useState<Panel>("filter");
  const watch = useWatch(token);
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
        <h1 class="unseen">{t("platform.title")}</h1>
        <TrailAlarm watch={watch} />
        <div class="card">
          <Tabs
            tabs={[
              { name: "filter", label: t("filter.title") },
              { name: "transparency", label: t("transparency.tab") },
            ]}
            current={panel}
            label={t("platform.title")}
            onChange={setPanel}
          >
            {panel === "filter" ? (
              <RulebookDesk place={{ room: null, token: () => token }} onRefused={setRefusal} />
            ) : (
              <PlatformTransparency token={token} watch={watch} onRefused={setRefusal} />
            )}
          </Tabs>
        </div>
      </main>
    </div>
  );
}

mount(<Platform />);
