/** How what is published fares. */
import type { ingest as en } from "./ingest.en";

export const ingest: Record<keyof typeof en, string> = {
  "overlay.paused": "休息一下",
  "overlay.paused.hint": "{host} 马上继续。聊天和货架照常开放。",
  "pause": "暂停",
  "pause.on": "继续直播",
  "pause.now": "观众看到的是暂停画面，你的摄像头和麦克风已对他们关闭。",
  "pause.encoder": "页面上的观众看到的是暂停画面。编码器仍在推流，其他播放器仍会播放。",
  "pause.picture": "暂停图片",
  "pause.picture.hint": "在你暂停或断线时，显示在变暗的最后一帧上。",
  "pause.picture.choose": "选择图片",
  "pause.picture.remove": "移除",
  "health.keyframes": "关键帧",
  "health.keyframes.every": "每 {s} 秒",
  "health.source": "推流来源",
  "advice.loss": "丢包 {loss}%：请降低码率，或改用有线网络。",
  "advice.round_trip": "到服务器的往返延迟较高（{ms} 毫秒），网络繁忙。画面卡顿时请降低码率。",
  "advice.keyframes": "关键帧间隔 {s} 秒：请在编码器中设为 2 秒，否则新观众要等这么久。",
  "advice.b_frames": "编码器发送了 B 帧，实时观众会看到画面跳动：请把 B 帧数设为 0。",
  "advice.frame_rate": "每秒只收到 {fps} 帧：编码器或电脑跟不上，请降低分辨率。",
  "advice.no_hls": "画面编码为 {codec}，需要 HLS 的观众无法观看。请发送 H.264。",
  "advice.no_sound": "没有发送声音。",
};
