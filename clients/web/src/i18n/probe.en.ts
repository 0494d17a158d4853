/** How late viewers see what happens. */
export const probe = {
  "latency.whep": "WHEP delay, 50% / 95%",
  "latency.hls": "HLS delay, 50% / 95%",
  "latency.uplink": "You to server",
  "latency.figures": "{p50} / {p95}",
  "latency.unknown": "–",
  "latency.explained": "From your camera to viewers' screens: half of them within the first figure, 95% within the second.",
};
