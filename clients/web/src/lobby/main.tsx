import { t } from "../i18n";
import { mount } from "../ui/page";
import { Lobby } from "./lobby";

document.title = `${t("title.lobby")} · Danmart`;
mount(<Lobby />);
