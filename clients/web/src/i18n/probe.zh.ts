import type { probe as en } from "./probe.en";

export const probe: Record<keyof typeof en, string> = {
  "latency.whep": "WHEP 延迟 50% / 95%",
  "latency.hls": "HLS 延迟 50% / 95%",
  "latency.uplink": "你到服务器",
  "latency.figures": "{p50} / {p95}",
  "latency.unknown": "–",
  "latency.explained": "从你的镜头到观众屏幕：一半观众在第一个数字以内，95% 在第二个数字以内。",
};
