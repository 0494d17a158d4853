/** 管理员对某人的了解。 */
import type { people as en } from "./people.en";

export const people: Record<keyof typeof en, string> = {
  "people.known": "最早出现于 {since}",
  "people.known.not": "不清楚来自哪里",
  "people.hint.device": "与已被封禁的 {name} 使用同一设备",
  "people.hint.address": "与已被封禁的 {name} 来自同一地址（共 {n} 人来自此处）",
  "people.notes": "管理备注",
  "people.note.write": "给其他管理员的备注",
  "people.note.save": "保存",
  "people.note.delete": "删除备注",
  "people.range.address": "所在地址",
  "people.range.network": "所在网段",
  "people.range.others": "近期另有 {n} 人来自此处，其中新用户 {reached} 人",
  "people.range.ban": "封禁…",
  "people.range.ban.day": "封禁来自此处的新用户一天",
  "people.range.sure": "来自此处的新账号将被封禁：目前 {reached} 人，以及之后新来的人。之前已有的 {passed} 人不受影响。",
  "people.range.reason": "此地址的新用户暂时被封禁",
  "people.range.done": "已封禁来自此处的新用户",
  "people.ranges": "已封禁的地址",
  "people.ranges.lift": "解除",
  "people.ranges.lifted": "已解除，同时解除了由此产生的 {n} 个封禁",
  "people.mark": "可疑用户",
  "people.mark.none": "未标记",
  "people.mark.watch": "留意",
  "people.mark.restrict": "每条评论都需审核",
};
