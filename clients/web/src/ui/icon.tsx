/** The icons, drawn on a 24 grid with one stroke. */
const PATHS = {
  bag: "M5 8h14l1 12H4L5 8Zm3.5 2.5V7a3.5 3.5 0 0 1 7 0v3.5",
  heart: "M12 20S3.5 14.8 3.5 8.9A4.6 4.6 0 0 1 12 6.3a4.6 4.6 0 0 1 8.5 2.6C20.5 14.8 12 20 12 20Z",
  send: "M4 12 20 4l-5.5 16-3.3-6.7L4 12Zm7.2 1.3L20 4",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Zm9.5 2.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6Z",
  eyeOff: "M4 4l16 16M9.9 5.8A8.6 8.6 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 0 1-3 3.7M6.3 7.4A16.4 16.4 0 0 0 2.5 12S6 18.5 12 18.5a8.9 8.9 0 0 0 4.2-1.1M10 10a2.8 2.8 0 0 0 4 4",
  soundOn: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4Zm11.5-1a5 5 0 0 1 0 7m2.5-9.5a8.5 8.5 0 0 1 0 12",
  soundOff: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4Zm12 0 5 5m0-5-5 5",
  close: "m6 6 12 12M18 6 6 18",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  check: "m5 12.5 4.5 4.5L19 7.5",
  pin: "M9 4h6l-.8 6 3.3 3.5H6.5L9.8 10 9 4Zm3 9.5V20",
  trash: "M4.5 7h15M9.5 7V4.5h5V7m-8 0 .9 12.5h9.2L17.5 7M10 10.5v5.5m4-5.5v5.5",
  mute: "M4 5.5h16v11h-8l-4.5 3.5v-3.5H4v-11Zm5.5 3 5 5m0-5-5 5",
  reply: "M10 7 4.5 12l5.5 5m-5-5h9a5.5 5.5 0 0 1 5.5 5.5",
  bullets: "M9 6.5h11M4 12h11M10 17.5h8M4 6.5h1.5M18.5 12H20M5 17.5h1.5",
  sliders: "M4 7h9m5 0h2M4 17h2m5 0h9M15.5 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Zm-7 10a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
  camera: "M3.5 7h11v10h-11V7Zm11 3.8 6-3.3v9l-6-3.3",
  screen: "M3.5 5h17v11.5h-17V5Zm5 15h7M12 16.5V20",
  mic: "M12 14.5a3 3 0 0 0 3-3V6.5a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3Zm-6-3.5a6 6 0 0 0 12 0M12 17v3.5",
  share: "M12 15V4m0 0L8 8m4-4 4 4M5 13.5V20h14v-6.5",
  copy: "M9 9h10.5v11H9V9Zm-3 6H4.5V4H15v2",
  warn: "M12 4 2.8 19.5h18.4L12 4Zm0 6v4.5m0 2.3v.2",
  info: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 11v5m0-8.2v.2",
  turn: "M7 3.5h7v11H7v-11Zm10.5 4.5v12h-11",
  language: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM3.5 12h17M12 3.5c5 5 5 12 0 17-5-5-5-12 0-17Z",
  picture: "M4 5h16v14H4V5Zm0 11 4.5-4.5 4 4 3-3L20 17M9 9.3v.2",
  down: "m6 9.5 6 6 6-6",
  clock: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 7.5V12l3 2",
  stop: "M6.5 6.5h11v11h-11v-11Z",
  pause: "M8.5 5.5v13m7-13v13",
  play: "M8 5.5v13l10.5-6.5L8 5.5Z",
  people: "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm-6 8a6 6 0 0 1 12 0m.5-14.7a3.5 3.5 0 0 1 0 6.4m2 2.6a6 6 0 0 1 3.5 5.7",
  shield: "M12 3.5 19.5 6v6c0 4.5-3.5 7.3-7.5 8.5-4-1.2-7.5-4-7.5-8.5V6L12 3.5Z",
  bolt: "M13 3 5.5 13.5H11L10 21l8-11h-5.5L13 3Z",
  packet: "M5 3.5h14v17H5v-17Zm0 4.5c4 3.6 10 3.6 14 0M12 12.5a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6Z",
  ticket: "M4 7h16v3.2a2 2 0 0 0 0 3.6V17H4v-3.2a2 2 0 0 0 0-3.6V7Zm10 0v2m0 2v2m0 2v2",
  talk: "M4 5.5h16v10h-7.5L8 19.5v-4H4v-10Z",
  back: "M9 7.5 4.5 12 9 16.5M4.5 12H15a4.5 4.5 0 0 1 0 9",
  keyboard: "M3 6.5h18v11H3v-11Zm3.5 3.5h.2m3.6 0h.2m3.6 0h.2m3.6 0h.2M8 14h8",
  gift: "M4.5 11h15v9h-15v-9ZM3 7.5h18V11H3V7.5Zm9 0V20M12 7.5C9.5 7.5 7 6.8 7 5a2 2 0 0 1 2-1.5c2 0 3 4 3 4Zm0 0c2.5 0 5-.7 5-2.5a2 2 0 0 0-2-1.5c-2 0-3 4-3 4Z",
  list: "M8.5 6.5H20M8.5 12H20M8.5 17.5H20M4.3 6.5h.2M4.3 12h.2M4.3 17.5h.2",
  expand: "M4 9V4h5m6 0h5v5m0 6v5h-5m-6 0H4v-5",
  film: "M4 5h16v14H4V5Zm4 0v14m8-14v14M4 9.7h4m-4 4.6h4m8-4.6h4m-4 4.6h4",
  flag: "M5.5 20.5v-16m0 .5h12l-2.5 4 2.5 4h-12",
  coin: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17Zm0-12.5 4 4-4 4-4-4 4-4Z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20, fill = false }: { name: IconName; size?: number; fill?: boolean }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill={fill ? "currentColor" : "none"}
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
