/** The caller's own side of a room: who they are, what they may, their mute and their orders. */
import { batch, computed, signal } from "@preact/signals";

import type { Level } from "./points";
import type { PictureNotice } from "./picture_wire";
import type { SoundNotice } from "./sound_wire";
import type { Appealed, HeldComment, HeldDecided } from "./review_wire";
import type { Guest } from "./stage_wire";
import type { Wallet } from "./wallet";
import type { Won } from "./lottery_wire";
import type { QuizWon } from "./quiz_wire";
import { own, stricter, type OwnSanction, type Sanction, type Warning } from "./sanction_wire";
import type { Action, Claim, NumberedEvent, Order, Person, Role, You } from "./wire";

const TOOK_BACK: Partial<Record<string, "masked" | "purged">> = { comment_masked: "masked", comments_purged: "purged" };

export class YourSide {
  readonly user = signal<Person | null>(null);
  readonly role = signal<Role>("guest");
  readonly can = signal<ReadonlySet<Action>>(new Set());
  readonly mute = signal<OwnSanction | null>(null);
  /** While it is there, the caller is out of the room. */
  readonly ban = signal<OwnSanction | null>(null);
  /** To be acknowledged before the next comment. */
  readonly warning = signal<Warning | null>(null);
  /** Newest first. */
  readonly orders = signal<readonly Order[]>([]);
  /** Claimed coupons, newest first. */
  readonly coupons = signal<readonly Claim[]>([]);
  /** What the caller has; null for guests. */
  readonly wallet = signal<Wallet | null>(null);
  /** Orders of coins, newest first. */
  readonly topups = signal<readonly Order[]>([]);
  /** Places in lotteries, by lottery. */
  readonly won = signal<Readonly<Record<string, Won>>>({});
  /** Prizes of quizzes, until they have been seen. */
  readonly quizWins = signal<readonly QuizWon[]>([]);
  readonly held = computed(() => this.orders.value.filter((order) => order.status === "held"));

  /** The picture of the room's host, as it was when the page entered. */
  readonly hostAvatar = signal<string | null>(null);
  /** Why a moderator has removed the caller's picture, and until when there may be no other; until it was seen. */
  readonly avatarRemoved = signal<{ reason: string; until_ms: number } | null>(null);
  readonly following = signal(false);
  /** Null: not at all. */
  readonly followedSince = signal<number | null>(null);
  /** Of the room's host. */
  readonly followers = signal(0);
  readonly level = signal<Level | null>(null);
  /** Where the caller is on the way to the stage; what was the last of it, too. */
  readonly guest = signal<Guest | null>(null);
  /** What was last done about the caller's own picture, until it has been seen. */
  readonly picture = signal<PictureNotice | null>(null);
  /** The same about what the caller says. */
  readonly sound = signal<SoundNotice | null>(null);
  /** Comments of one's own that wait for a moderator, the oldest first. */
  readonly waiting = signal<readonly HeldComment[]>([]);
  /** What moderators decided of them, until it has been seen; the oldest first. */
  readonly heldDecided = signal<readonly HeldDecided[]>([]);
  /** By sanction. */
  readonly appeals = signal<Readonly<Record<string, Appealed>>>({});
  readonly points = computed(() => this.wallet.value?.points ?? null);

  /** What a moderator has last done to comments of the caller's, until that was read. */
  readonly tookBack = signal<"masked" | "purged" | null>(null);

  private last = 0;

  /** `room` is the one that the page is about; private events come of others, too. */
  constructor(private readonly room: string | null = null) {}

  get seq(): number {
    return this.last;
  }

  entered(you: You): void {
    this.user.value = you.user;
    this.role.value = you.role;
    this.can.value = new Set(you.can);
    for (const event of you.items) this.apply(event);
    // The answer's own fields are newer than any event before it.
    this.mute.value = you.mute;
    this.warning.value = you.warning ?? null;
    this.ban.value = null;
    for (const order of you.orders) this.addOrder(order);
    if (you.coupons) this.coupons.value = you.coupons;
    if (you.wallet !== undefined) this.wallet.value = you.wallet;
    this.hostAvatar.value = you.host_avatar ?? null;
    this.following.value = you.following ?? false;
    this.followedSince.value = you.followed_since_ms ?? null;
    this.followers.value = you.followers ?? 0;
    this.level.value = you.level ?? null;
    this.guest.value = you.guest ?? null;
    this.waiting.value = you.held ?? [];
    for (const appeal of you.appeals ?? []) this.addAppeal(appeal);
    this.last = you.seq;
  }

  /** Takes a private event. True if one before it was missed. */
  take(event: NumberedEvent): boolean {
    if (event.seq <= this.last) return false;
    const missed = event.seq > this.last + 1;
    if (missed) return true;
    this.last = event.seq;
    batch(() => this.apply(event));
    return false;
  }

  addOrder(order: Order): void {
    const list = order.coins === undefined ? this.orders : this.topups;
    const others = list.value.filter((each) => each.id !== order.id);
    list.value = [...others, order].sort((a, b) => b.created_at_ms - a.created_at_ms).slice(0, 50);
  }

  addClaim(claim: Claim): void {
    const others = this.coupons.value.filter((each) => each.id !== claim.id);
    this.coupons.value = [claim, ...others].slice(0, 100);
  }

  /** What is left out hasn't changed. */
  setWallet({ coins, points }: Partial<Wallet>): void {
    const before = this.wallet.value ?? { coins: 0, points: 0 };
    this.wallet.value = { coins: coins ?? before.coins, points: points ?? before.points };
  }

  addWon(won: Won): void {
    this.won.value = { ...this.won.value, [won.lottery]: won };
  }

  setFollow({ following, followers }: { following: boolean; followers: number }, sinceMs?: number): void {
    this.following.value = following;
    if (!following) this.followedSince.value = null;
    else if (sinceMs !== undefined) this.followedSince.value ??= sinceMs;
    this.followers.value = followers;
  }

  setAvatar(avatar: string | null): void {
    if (!this.user.value) return;
    const { id, name } = this.user.value;
    this.user.value = avatar === null ? { id, name } : { id, name, avatar };
    if (avatar !== null) this.avatarRemoved.value = null;
  }

  addHeld(held: HeldComment): void {
    this.waiting.value = [...this.waiting.value.filter(({ id }) => id !== held.id), held];
  }

  sawDecided(item: string): void {
    this.heldDecided.value = this.heldDecided.value.filter((each) => each.item !== item);
  }

  addAppeal(appeal: Appealed): void {
    this.appeals.value = { ...this.appeals.value, [appeal.sanction]: appeal };
  }

  private takeDecided(decided: HeldDecided): void {
    this.waiting.value = this.waiting.value.filter(({ id }) => id !== decided.item);
    this.heldDecided.value = [...this.heldDecided.value, decided].slice(-3);
  }

  private apply(event: NumberedEvent): void {
    const { data } = event;
    if (event.kind === "order") this.addOrder(data.order as Order);
    else if (event.kind === "coupon") this.addClaim(data.coupon as Claim);
    else if (event.kind === "wallet") this.setWallet(data);
    else if (event.kind === "lottery") this.addWon(data as unknown as Won);
    else if (event.kind === "quiz") this.quizWins.value = [...this.quizWins.value, data as unknown as QuizWon].slice(-3);
    else if (event.kind === "follow") this.setFollow(data as { following: boolean; followers: number }, event.at_ms);
    else if (event.kind === "avatar") this.setAvatar(data.avatar as string | null);
    else if (event.kind === "avatar_removed") {
      this.setAvatar(null);
      this.avatarRemoved.value = data as { reason: string; until_ms: number };
    } else if (event.kind === "level") this.level.value = data as unknown as Level;
    else if (event.kind === "guest") this.guest.value = data.guest as Guest;
    else if (event.kind === "appeal") this.addAppeal(data.appeal as Appealed);
    else if (!this.applyToPublisher(event) && (event.room === undefined || event.room === this.room)) this.applyHere(event);
  }

  /** What a check of the stream found in what this user sends. */
  private applyToPublisher({ kind, data }: NumberedEvent): boolean {
    if (kind === "sound_hit") this.sound.value = data as unknown as SoundNotice;
    else if (kind === "picture_hit") this.picture.value = data as unknown as PictureNotice;
    else return false;
    return true;
  }

  /** What is about this room, or about all. */
  private applyHere({ kind, data }: NumberedEvent): void {
    const tookBack = TOOK_BACK[kind];
    if (tookBack) this.tookBack.value = tookBack;
    else if (kind === "muted") this.mute.value = stricter(this.mute.value, own(data.sanction as Sanction));
    else if (kind === "banned") this.ban.value = stricter(this.ban.value, own(data.sanction as Sanction));
    else if (kind === "unmuted" && this.mute.value?.sanction === data.sanction) this.mute.value = null;
    else if (kind === "unbanned" && this.ban.value?.sanction === data.sanction) this.ban.value = null;
    else if (kind === "held_decided") this.takeDecided(data as unknown as HeldDecided);
    else if (kind === "role") {
      this.role.value = data.role as Role;
      this.can.value = new Set(data.can as Action[]);
    } else this.applyWarning(kind, data);
  }

  private applyWarning(kind: string, data: NumberedEvent["data"]): void {
    if (kind === "warned") {
      const { id, reason } = data.sanction as Sanction;
      this.warning.value = { warning: id, reason };
    }
    if (kind === "warning_accepted" && this.warning.value?.warning === data.warning) this.warning.value = null;
  }
}
