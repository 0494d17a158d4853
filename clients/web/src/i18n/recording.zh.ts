/** The Simplified Chinese texts of recordings. */
import type { recording as en } from "./recording.en";

export const recording: Record<keyof typeof en, string> = {
  "rec.sign": "录制中",
  "rec.sign.long": "本场直播正在录制",
  "rec.start": "开始录制",
  "rec.stop": "停止录制",
  "rec.on": "正在录制",
  "rec.off": "未录制",
  "rec.hint": "直播间里的每个人都能看到正在录制。",
  "rec.ready": "录像已就绪。",
  "rec.failed": "没有录到任何内容。",
  "rec.trouble.slow": "磁盘太慢，录像缺了一段。",
  "rec.trouble.full": "磁盘已满，腾出空间前录像会缺一段，直播不受影响。",
  "rec.trouble.failed": "暂时无法写入录像，直播不受影响。",
  "rec.trouble.nearly_full": "录像空间快用完了，请删除旧录像。",
  "rec.trouble.quota": "录像空间已用完，本次录制已结束。",
  "settings.recording": "录制",
  "settings.recording.default": "按服务器设置",
  "settings.recording.on": "每场都录",
  "settings.recording.off": "由我决定",
  "settings.recording.hint": "从下一场直播开始生效。",
  "error.not_recording": "当前没有在录制。",
  "error.recording_running": "这段录像还在录制中。",
  "error.recordings_full": "录像空间已满，请先删除一些。",
};
