/** How what is published fares. */
export const ingest = {
  "health.keyframes": "Keyframes",
  "health.keyframes.every": "every {s} s",
  "health.by": "{label} · {protocol}",
  "health.source": "Comes from",
  "advice.loss": "Loss {loss} %: lower the bitrate, or use a cable instead of Wi-Fi.",
  "advice.round_trip": "The way to the server is long ({ms} ms): the network is busy. Lower the bitrate if the picture stalls.",
  "advice.keyframes": "Keyframes are {s} s apart: set the encoder's keyframe interval to 2 s, or newcomers wait that long.",
  "advice.b_frames": "The encoder sends B-frames, which real-time viewers see as jumps: set B-frames to 0.",
  "advice.frame_rate": "Only {fps} pictures a second arrive: the encoder or the computer can't keep up.",
  "advice.no_hls": "The picture is {codec}: viewers who need HLS see nothing. Send H.264.",
  "advice.no_sound": "No sound is sent.",
};
