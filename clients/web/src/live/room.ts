/** A room as one page sees it: its state, the caller's own side, and the staff's, kept up by the connection. */
import { batch, computed, signal } from "@preact/signals";

import type { PublisherHealth } from "./api";
import { ServerClock } from "./clock";
import { Connection } from "./connection";
import { corrected } from "./corrections";
import { asRefusal, type Refusal } from "./errors";
import { emptyState, fold } from "./fold";
import { GiftSide } from "./gifts";
import type { PacketEnded } from "./packet_wire";
import { keepToken } from "./renewal";
import type { OwnSanction } from "./sanction_wire";
import type { HeldDecided } from "./review_wire";
import { StaffSide } from "./staff";
import { Timekeeper } from "./timekeeper";
import { withComments, withoutComments, type Timeline } from "./timeline";
import { storeToken } from "./token";
import type {
  Action,
  Answer,
  Bye,
  Entered,
  Frame,
  Keyed,
  LiveEvent,
  NumberedEvent,
  Payload,
  Position,
  RoomLatency,
  Signals,
  WireError,
} from "./wire";
import { YourSide } from "./you";

export type Link = "connecting" | "online" | "reconnecting" | "closed";

/** Commands of a room; `room` is filled in. */
type InRoom<C extends Keyed> = Omit<Payload<C>, "room">;

export class Room {
  readonly link = signal<Link>("connecting");
  /** Why the link is closed for good. */
  readonly closedBy = signal<Pick<WireError, "code" | "message"> | null>(null);
  readonly entered = signal(false);
  readonly state = signal(emptyState(""));
  readonly comments = signal<Timeline>([]);
  readonly viewers = signal(0);
  readonly likes = signal(0);
  readonly stock = signal<Readonly<Record<string, number>>>({});
  /** How many can still be claimed of each coupon that was dropped. */
  readonly couponsLeft = signal<Readonly<Record<string, number>>>({});
  /** How the host's stream fares, as the server last said, and when; only those who may publish are told. */
  readonly publisher = signal<{ health: PublisherHealth; atMs: number } | null>(null);
  /** How late viewers see it; only the room's staff is told. */
  readonly latency = signal<RoomLatency | null>(null);
  /** Numbers of plays, by play, as the signals last said. */
  readonly counts = signal<Readonly<Record<string, Readonly<Record<string, number>>>>>({});
  /** The red packet that ended last. */
  readonly packetEnded = signal<PacketEnded | null>(null);
  readonly you: YourSide;
  /** How many are before this viewer's purchase while it waits; null: nothing is known of any. */
  readonly before = signal<number | null>(null);
  readonly staff = new StaffSide();
  readonly clock = new ServerClock();

  readonly gifts = new GiftSide(() => this.now());

  readonly status = computed(() => this.state.value.room.status);
  readonly pinned = computed(() => {
    const { pins, products } = this.state.value;
    return pins.flatMap((id) => products.find((product) => product.id === id) ?? []);
  });

  /** Comments and gifts in the order of the log, for lists that show both. */
  readonly said = computed<Timeline>(() => {
    const gifts = this.gifts.lines.value;
    const comments = this.comments.value;
    if (gifts.length === 0) return comments;
    return [...comments, ...gifts].sort((a, b) => a.offset - b.offset).slice(-this.commentsKept);
  });

  /** The server's time, in ms. */
  readonly now = (): number => this.clock.now();

  /** Called with each comment that is new to this page, for what flies over the picture. */
  onComment: ((event: LiveEvent) => void) | null = null;
  /** Called when moderators have decided about a comment that this viewer reported. */
  onReportAnswered: ((outcome: "upheld" | "dismissed") => void) | null = null;
  /** Called with how many likes others gave since the last signal. */
  onReaction: ((count: number) => void) | null = null;

  private position: Position | null = null;
  private entering = false;
  private readonly closing = new AbortController();
  private readonly connection: Connection;
  private readonly timekeeper: Timekeeper;

  constructor(
    readonly id: string,
    token: string | null,
    protected readonly commentsKept = 200,
  ) {
    this.you = new YourSide(id);
    this.state.value = emptyState(id);
    this.connection = new Connection(token, {
      connected: () => this.enter(),
      disconnected: () => {
        if (this.link.value !== "closed") this.link.value = this.entered.value ? "reconnecting" : "connecting";
      },
      refused: (error) => this.shut(error),
      events: (frame) => this.takeFrame(frame),
      you: (event) => this.takeYou(event),
      staff: (event) => this.staff.take(event),
      signals: (signals) => this.takeSignals(signals),
      publisher: (health) => {
        if (health.room === this.id && !health.slot) this.publisher.value = { health, atMs: performance.now() };
      },
      waiting: (place) => {
        this.before.value = place.position;
      },
      bye: (bye) => this.takeBye(bye),
    });
    this.timekeeper = new Timekeeper(this.clock, async () => (await this.connection.ask("time", {})).now_ms);
  }

  /** The one of the moment: a page may be open for longer than a token lives. */
  get token(): string | null {
    return this.connection.token;
  }

  open(): void {
    this.connection.open();
    keepToken(this, this.id, this.closing.signal);
  }

  /** Goes on with another token of the same person. */
  async renew(token: string): Promise<void> {
    await this.connection.renew(token);
    storeToken(token);
  }

  close(): void {
    this.closing.abort();
    this.timekeeper.close();
    this.connection.close();
  }

  can(action: Action): boolean {
    return this.you.can.value.has(action);
  }

  send<C extends Keyed>(command: C, payload: InRoom<C>): Promise<Answer<C>> {
    return this.connection.send(command, { ...payload, room: this.id });
  }

  /** Sends a comment; it is in the list as soon as the server has it, or has let it wait. */
  async comment(payload: InRoom<"comment">): Promise<void> {
    const answer = await this.send("comment", payload);
    if ("event" in answer) this.addComments([answer.event]);
    else this.you.addHeld(answer.held);
  }

  async like(count: number): Promise<void> {
    await this.connection.ask("like", { room: this.id, count });
  }

  /** Says how far behind the server's clock the picture is here. */
  async tellLatency(via: "whep" | "hls", behind_ms: number): Promise<void> {
    await this.connection.ask("stats", { room: this.id, via, behind_ms });
  }

  /** How this viewer stands with a lottery. */
  checkLottery(lottery: string) {
    return this.connection.ask("lottery.check", { room: this.id, lottery });
  }

  /** This viewer's own answers, points and place in a quiz. */
  checkQuiz(quiz: string) {
    return this.connection.ask("quiz.check", { room: this.id, quiz });
  }

  /** This viewer's own vote in a poll. */
  checkPoll(poll: string) {
    return this.connection.ask("poll.check", { room: this.id, poll });
  }

  /** A page of who got what of a red packet, after a place. */
  packetOpens(packet: string, after = 0) {
    return this.connection.ask("packet.opens", { room: this.id, packet, after });
  }

  /** A short token to publish with. */
  async publishToken(slot?: string): Promise<string> {
    return (await this.connection.ask("publish.token", { room: this.id, ...(slot ? { slot } : {}) })).token;
  }

  /** Buys or cancels, and knows the order at once. */
  async order<C extends "buy" | "order.cancel">(command: C, payload: InRoom<C>) {
    this.before.value = null;
    try {
      const { order } = await this.send(command, payload);
      this.you.addOrder(order);
      return order;
    } finally {
      this.before.value = null;
    }
  }

  /** Pays; or gives the address of the page where that is done. */
  async pay(payload: InRoom<"order.pay">): Promise<string | null> {
    const answer = await this.send("order.pay", payload);
    if ("redirect" in answer) return answer.redirect.url;
    this.you.addOrder(answer.order);
    return null;
  }

  /** Buys coins; or gives the address of the page where they are paid. */
  async topUp(payload: InRoom<"wallet.topup">): Promise<string | null> {
    const answer = await this.send("wallet.topup", payload);
    if ("redirect" in answer) return answer.redirect.url;
    this.you.addOrder(answer.order);
    return null;
  }

  /** Gives the host a gift, and shows it at once. */
  async give(gift: string, count: number): Promise<Answer<"gift">> {
    const answer = await this.send("gift", { gift, count });
    this.you.setWallet({ coins: answer.coins });
    this.gifts.take(answer.event);
    return answer;
  }

  /** Has something for points, and knows it at once. */
  async redeem(offer: string): Promise<void> {
    const { points, coupon } = await this.send("points.redeem", { offer });
    this.you.setWallet({ points });
    if (coupon) this.you.addClaim(coupon);
  }

  /** Claims a coupon, and knows it at once. */
  async claim(coupon: string): Promise<void> {
    this.you.addClaim((await this.send("coupon.claim", { coupon })).coupon);
  }

  /** Earlier comments, read from the log. */
  addEarlier(events: readonly LiveEvent[]): void {
    this.addComments(
      events.filter((event) => event.kind === "comment"),
      false,
    );
  }

  get offset(): number {
    return this.position?.offset ?? 0;
  }

  private async enter(): Promise<void> {
    if (this.entering) return;
    this.entering = true;
    try {
      const ask = () =>
        this.connection.ask("enter", {
          room: this.id,
          ...(this.position ? { after: this.position } : {}),
          ...(this.entered.value ? { after_you: this.you.seq, after_staff: this.staff.seq } : {}),
        });
      const answer = await this.clock.measure(ask, ({ now_ms }) => now_ms);
      batch(() => this.takeEntered(answer));
      this.timekeeper.connected();
    } catch (thrown) {
      const refusal = asRefusal(thrown);
      if (refusal.code === "banned") this.stayOut(refusal);
      else if (!refusal.temporary) this.shut(refusal);
      else setTimeout(() => void this.enter(), refusal.retryAfterMs ?? 1_500);
    } finally {
      this.entering = false;
    }
  }

  /** The connection stays, to hear of the ban's end; what was seen of the room is no longer shown. */
  private stayOut(refusal: Refusal): void {
    this.you.ban.value = refusal.details as OwnSanction;
    this.link.value = "online";
  }

  /** Asks to be let in again, as a ban may be over. */
  comeBack(): void {
    if (this.link.value !== "closed") void this.enter();
  }

  private takeEntered(answer: Entered): void {
    if (answer.snapshot) {
      this.state.value = { ...emptyState(this.id), ...answer.snapshot };
      this.comments.value = withComments([], answer.snapshot.comments, this.commentsKept);
    }
    for (const event of answer.items ?? []) this.apply(event);
    this.position = { epoch: answer.epoch, offset: answer.offset };
    this.applySignals(answer.signals);
    this.you.entered(answer.you);
    if (answer.staff) this.staff.entered(answer.staff);
    this.entered.value = true;
    this.link.value = "online";
  }

  private takeFrame(frame: Frame): void {
    if (frame.room !== this.id || !this.position || this.entering) return;
    if (frame.epoch !== this.position.epoch || frame.from > this.position.offset + 1) {
      void this.enter(); // something was missed: ask for it
      return;
    }
    const known = this.position.offset;
    batch(() => {
      for (const event of frame.items) if (event.offset > known) this.apply(event);
      this.position = { epoch: frame.epoch, offset: Math.max(known, frame.to) };
    });
  }

  protected apply(event: LiveEvent): void {
    this.state.value = fold(this.state.value, event);
    if (event.kind === "comment") this.addComments([event]);
    this.gifts.take(event);
    if (event.kind === "avatar.removed") {
      this.gifts.lines.value = corrected(this.gifts.lines.value, event);
      if (event.data.user === this.state.value.room.host.id) this.you.hostAvatar.value = null;
    }
    if (event.kind === "packet.ended") this.packetEnded.value = event.data as unknown as PacketEnded;
    this.comments.value = corrected(this.comments.value, event);
    if (event.kind === "comment.restored") this.addComments([event.data.comment as LiveEvent | undefined ?? []].flat(), false);
  }

  private addComments(events: readonly LiveEvent[], fresh = true): void {
    const before = this.comments.value;
    this.comments.value = withComments(before, events, this.commentsKept);
    if (!fresh || !this.onComment || this.comments.value === before) return;
    const known = new Set(before.map((comment) => comment.id));
    for (const event of events) if (!known.has(event.id) && event.data.deleted !== true) this.onComment(event);
  }

  private takeYou(event: NumberedEvent): void {
    const banned = this.you.ban.value !== null;
    const missed = this.you.take(event);
    if (missed) void this.enter();
    else if (banned && this.you.ban.value === null) this.comeBack();
    else if (event.kind === "held_decided") this.addComments([(event.data as unknown as HeldDecided).event ?? []].flat());
    if (event.kind === "report_answered") this.onReportAnswered?.(event.data.outcome as "upheld" | "dismissed");
    if (event.kind === "comment_deleted") {
      this.comments.value = withoutComments(this.comments.value, new Set([event.data.id as string]));
    }
  }

  private takeSignals(signals: Signals & { room: string }): void {
    if (signals.room === this.id) batch(() => this.applySignals(signals));
  }

  private applySignals(signals: Signals): void {
    if (signals.viewers !== undefined) this.viewers.value = signals.viewers;
    if (signals.likes !== undefined) this.likes.value = signals.likes;
    if (signals.stock) this.stock.value = { ...this.stock.value, ...signals.stock };
    if (signals.coupons) this.couponsLeft.value = { ...this.couponsLeft.value, ...signals.coupons };
    if (signals.plays) this.counts.value = { ...this.counts.value, ...signals.plays };
    if (signals.followers !== undefined) this.you.followers.value = signals.followers;
    if (signals.latency) this.latency.value = signals.latency;
    if (signals.reaction) this.onReaction?.(signals.reaction);
  }

  private takeBye(bye: Bye): void {
    if (bye.reconnect) this.link.value = "reconnecting";
    else this.shut(bye);
  }

  private shut(why: Pick<WireError, "code" | "message">): void {
    this.closedBy.value = { code: why.code, message: why.message };
    this.link.value = "closed";
    this.close();
  }
}
