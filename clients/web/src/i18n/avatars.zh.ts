import type { avatars as english } from "./avatars.en";

/** The Simplified Chinese texts of people's own pictures. */
export const avatars: Record<keyof typeof english, string> = {
  "avatar.title": "您的头像",
  "avatar.hint": "显示在您的弹幕旁，自动裁成方形。",
  "avatar.choose": "选择图片",
  "avatar.change": "换一张",
  "avatar.use": "使用这张图片",
  "avatar.remove": "移除",
  "avatar.preview": "预览效果",
  "avatar.sending": "正在上传图片",
  "avatar.set": "头像已更新。",
  "avatar.cleared": "头像已移除。",
  "avatar.removed": "您的头像不符合规范，已被移除。",
  "avatar.removed.reason": "房管移除了您的头像：{reason}",
  "avatar.removed.until": "{wait}后可以重新选择头像。",
  "avatar.take_down": "移除头像",
  "avatar.take_down.label": "移除头像：{name}",
  "avatar.take_down.ask": "移除 {name} 的头像？",
  "avatar.take_down.text": "头像会立即在所有地方消失，包括以前的弹幕旁。对方会收到原因，并且暂时不能更换新头像。",
  "avatar.take_down.reason": "头像不符合规定",
  "avatar.take_down.done": "{name} 的头像已移除。",
  "audit.action.moderate.avatar": "移除头像",
  "log.avatar_removed": "{by} 移除了 {user} 的头像：{reason}",
  "error.picture_refused.removed": "房管移除了您的头像，请稍后再选择新的头像。",
  "error.picture_refused.same": "房管移除过这张图片，请换一张。",
};
