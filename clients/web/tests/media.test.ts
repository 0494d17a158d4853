import { describe, expect, it } from "vitest";

import { troubleOf } from "../src/media/capture";
import { ladder, shouldClimb, whepFailed, whepWorks } from "../src/media/ladder";
import { writeFragment, withFragment } from "../src/media/fragment";
import { iceServers } from "../src/media/links";
import { levelOf } from "../src/media/level";
import { HlsAddress } from "../src/media/playback";
import { withStartBitrate } from "../src/media/sdp";
import { healthBetween, type SentStats } from "../src/media/stats";

describe("the ladder between WHEP and HLS", () => {
  it("goes down at once when WHEP can't be had", () => {
    expect(whepFailed(ladder("auto"), 0, 0).protocol).toBe("hls");
  });

  it("tries WHEP again first when it had held for long", () => {
    expect(whepFailed(ladder("auto"), 90_000, 60_000).protocol).toBe("whep");
  });

  it("climbs later each time it fails, and at most every five minutes", () => {
    let state = whepFailed(ladder("auto"), 0, 0);
    const waits = Array.from({ length: 6 }, () => {
      let wait = 0;
      while (!shouldClimb(state, state.failedAt + wait)) wait += 1_000;
      state = whepFailed(state, state.failedAt + wait, 0);
      return wait / 1_000;
    });
    expect(waits).toEqual([30, 60, 120, 240, 300, 300]);
    expect(whepWorks(state).failures).toBe(0);
  });

  it("comes back when a full server said, and later if it is still full", () => {
    const first = whepFailed(ladder("auto"), 0, 0, 10_000);
    expect([shouldClimb(first, 9_999), shouldClimb(first, 10_000)]).toEqual([false, true]);
    const second = whepFailed(first, 10_000, 0, 10_000);
    expect([shouldClimb(second, 29_999), shouldClimb(second, 30_000)]).toEqual([false, true]);
  });

  it("stays where the address says", () => {
    expect(whepFailed(ladder("whep"), 0, 0).protocol).toBe("whep");
    expect(shouldClimb({ ...ladder("hls"), failures: 1 }, 1e9)).toBe(false);
  });
});

describe("links to ICE servers", () => {
  it("are read with their credentials, and nothing else is", () => {
    const header =
      '<turn:turn.example:3478?transport=udp>; rel="ice-server"; username="17:a"; credential="a+b/c="; credential-type="password", ' +
      '<stun:stun.example>; rel=ice-server, </hls/tea/index.m3u8>; rel="alternate"; type="a/b", <https://x>; rel="ice-server"';
    expect(iceServers(header)).toEqual([
      { urls: "turn:turn.example:3478?transport=udp", username: "17:a", credential: "a+b/c=" },
      { urls: "stun:stun.example" },
    ]);
    expect(iceServers(null)).toEqual([]);
  });
});

describe("fragments of trickle ICE", () => {
  const local = [
    "v=0", "a=group:BUNDLE 0 1", "m=video 9 UDP/TLS/RTP/SAVPF 96 97", "a=ice-ufrag:abcd", "a=ice-pwd:secret", "a=mid:0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:1",
  ].join("\r\n");

  it("say who speaks and what was found", () => {
    expect(writeFragment(local, ["candidate:1 1 udp 1 192.0.2.1 9 typ host"], { complete: true }).split("\r\n")).toEqual([
      "a=group:BUNDLE 0 1", "a=ice-ufrag:abcd", "a=ice-pwd:secret", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0",
      "a=candidate:1 1 udp 1 192.0.2.1 9 typ host", "a=end-of-candidates", "",
    ]);
  });

  it("replace credentials and candidates of an answer in every section", () => {
    const section = (kind: string) => [`m=${kind}`, "a=ice-ufrag:old", "a=ice-pwd:old", "a=candidate:old", "a=end-of-candidates", "a=sendonly"];
    const answer = ["v=0", ...section("video"), ...section("audio").filter((line) => !line.includes("candidate"))].join("\r\n");
    const fragment = "a=ice-ufrag:new\r\na=ice-pwd:pass\r\na=candidate:1 new\r\na=end-of-candidates\r\n";
    expect(withFragment(answer, fragment).split("\r\n")).toEqual([
      "v=0", "m=video", "a=ice-ufrag:new", "a=ice-pwd:pass", "a=candidate:1 new", "a=end-of-candidates", "a=sendonly",
      "m=audio", "a=ice-ufrag:new", "a=ice-pwd:pass", "a=sendonly",
    ]);
    expect(withFragment(answer, "nonsense")).toBe(answer);
  });
});

describe("the answer's start bitrate", () => {
  const answer = (video: string) => `v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=fmtp:111 minptime=10\r\n${video}`;

  it("is added to the first video format, and to nothing else", () => {
    const video = "m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\na=fmtp:102 packetization-mode=1\r\na=fmtp:103 apt=102\r\n";
    expect(withStartBitrate(answer(video), 1_400)).toBe(
      answer(video.replace("packetization-mode=1", "packetization-mode=1;x-google-start-bitrate=1400")),
    );
  });

  it("gets a line of its own where there is none", () => {
    const video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n";
    expect(withStartBitrate(answer(video), 900)).toBe(answer(`${video}a=fmtp:96 x-google-start-bitrate=900\r\n`));
  });

  it("leaves an answer without video as it is", () => {
    expect(withStartBitrate(answer(""), 900)).toBe(answer(""));
  });
});

describe("capture", () => {
  const named = (name: string) => Object.assign(new Error(), { name });

  it("tells apart what a host can do something about", () => {
    expect(troubleOf(named("NotAllowedError"), "camera")).toBe("denied");
    expect(troubleOf(named("NotAllowedError"), "screen")).toBe("cancelled");
    expect(troubleOf(named("NotReadableError"), "camera")).toBe("busy");
    expect(troubleOf(named("NotFoundError"), "camera")).toBe("missing");
    expect(troubleOf("?", "camera")).toBe("other");
  });
});

describe("the level meter", () => {
  const tone = (amplitude: number) => Float32Array.from({ length: 1024 }, (_, i) => amplitude * Math.sin(i / 4));

  it("is empty in silence, full at full scale, and rises evenly in decibels", () => {
    expect(levelOf(new Float32Array(1024))).toBe(0);
    expect(levelOf(tone(1))).toBeGreaterThan(0.9);
    const step = levelOf(tone(0.1)) - levelOf(tone(0.01));
    expect(levelOf(tone(1)) - levelOf(tone(0.1))).toBeCloseTo(step, 2);
  });
});

describe("the publisher's health", () => {
  const at = (atMs: number, change: Partial<SentStats> = {}): SentStats => ({
    atMs,
    bytes: atMs * 250,
    width: 720,
    height: 1280,
    fps: 30,
    loss: 0,
    rttMs: 40,
    codec: "H264",
    limitedBy: "none",
    ...change,
  });

  it("reckons the bitrate between two moments", () => {
    expect(healthBetween(null, at(1_000))).toBeNull();
    expect(healthBetween(at(1_000), at(2_000))).toMatchObject({ kbps: 2_000, grade: "good" });
  });

  it("says when it is not well", () => {
    expect(healthBetween(at(1_000), at(2_000, { loss: 0.04 }))?.grade).toBe("fair");
    expect(healthBetween(at(1_000), at(2_000, { fps: 5 }))?.grade).toBe("poor");
  });

  it("starts anew when the counters do", () => {
    expect(healthBetween(at(2_000), at(3_000, { bytes: 0 }))).toBeNull();
  });
});

describe("a private room's HLS address", () => {
  const quarter = 15 * 60_000;
  const at = (n: number) => ({ hls: `/hls/tea/~${n}.mac/index.m3u8`, hls_until_ms: (n + 2) * quarter });

  it("is exchanged in what players ask for when a quarter of an hour is over", async () => {
    let now = 100 * quarter;
    let asked = 0;
    const address = new HlsAddress(
      at(100),
      () => {
        asked += 1;
        return Promise.resolve(at(Math.floor(now / quarter)));
      },
      () => now,
    );
    const part = "http://shop.example/hls/tea/~100.mac/a-1.0.m4s";
    expect(address.renewed(part)).toBe(part);
    expect(asked).toBe(0);
    now += quarter + 4 * 60_000;
    expect(address.renewed(part)).toBe(part); // good until the new one is here
    await Promise.resolve();
    await Promise.resolve();
    expect(address.renewed(part)).toBe(part.replace("~100", "~101"));
    expect(asked).toBe(1);
  });

  it("stays as it is in a public room", () => {
    const address = new HlsAddress({ hls: "/hls/tea/index.m3u8" }, () => Promise.reject(new Error("never")));
    expect(address.renewed("/hls/tea/a.m4s")).toBe("/hls/tea/a.m4s");
  });
});
