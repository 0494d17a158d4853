/** Names for the demo's visitors. */
import { lang } from "../i18n";

const WORDS = {
  en: [
    ["Quiet", "Amber", "Early", "Brave", "Paper", "River", "Silver", "Plum"],
    ["Heron", "Fox", "Lantern", "Otter", "Maple", "Sparrow", "Comet", "Pear"],
  ],
  zh: [
    ["安静的", "早起的", "勇敢的", "山里的", "爱笑的", "路过的", "银色的", "好奇的"],
    ["白鹭", "小狐狸", "灯笼", "水獭", "枫叶", "麻雀", "流星", "雪梨"],
  ],
} as const;

export function inventName(random: () => number = Math.random): string {
  const [first, second] = WORDS[lang.value];
  const pick = (from: readonly string[]) => from[Math.floor(random() * from.length)] ?? "";
  return `${pick(first)}${lang.value === "en" ? " " : ""}${pick(second)}`;
}
