/**
 * One socket to the server: commands with acknowledgements, sent again with their old key after a lost
 * connection; what the server sends goes to one listener.
 */
import { io, type Socket } from "socket.io-client";

import type { PublisherHealth } from "./api";
import { deviceId } from "./device";
import { offline, Refusal } from "./errors";
import type { Answer, Bye, Command, Frame, Keyed, NumberedEvent, Payload, Place, Signals, Unkeyed, WireError } from "./wire";

/** How long one attempt may take before it counts as lost, and a command altogether. */
const ATTEMPT_MS = 8_000;
const COMMAND_MS = 30_000;
/** A person doesn't have more than this under way; more means that something is wrong. */
const UNANSWERED_MAX = 64;
const GONE = new Set(["sold_out", "stock_held", "packet_empty"]);

export interface Listener {
  /** The transport is up (again): enter the room; unanswered commands follow once that is done. */
  connected: () => Promise<void>;
  disconnected: () => void;
  refused: (error: WireError) => void;
  events: (frame: Frame) => void;
  you: (event: NumberedEvent & { room?: string }) => void;
  staff: (event: NumberedEvent & { room: string }) => void;
  signals: (signals: Signals & { room: string }) => void;
  publisher: (health: PublisherHealth) => void;
  waiting: (place: Place) => void;
  bye: (bye: Bye) => void;
}

function device(): { device?: string } {
  const id = deviceId();
  return id === null ? {} : { device: id };
}

type Reply = { ok: true } | { ok: false; error: WireError };

interface Unanswered {
  command: Keyed;
  payload: object;
  deadline: number;
  /** How often it was sent, and whether a "gone" to a repeat was asked about once more. */
  sent: number;
  doubted: boolean;
  resolve: (reply: Reply) => void;
}

export class Connection {
  private readonly socket: Socket;
  private readonly unanswered = new Set<Unanswered>();
  private entered = false;
  private comeBackAfterMs: number | null = null;
  private closed = false;

  constructor(
    public token: string | null,
    private readonly listener: Listener,
  ) {
    this.socket = io("/live", {
      transports: ["websocket"],
      auth: (tell) => tell({ ...(this.token === null ? {} : { token: this.token }), ...device() }),
      reconnectionDelay: 400,
      reconnectionDelayMax: 5_000,
      timeout: 10_000,
      autoConnect: false,
    });
    this.listen();
  }

  open(): void {
    this.socket.connect();
  }

  close(): void {
    this.closed = true;
    this.socket.disconnect();
    this.giveUp(() => true);
  }

  /** A command that needs no key: refused with `offline` if the connection is lost before the answer. */
  async ask<C extends Unkeyed>(command: C, payload: Payload<C>): Promise<Answer<C>> {
    if (!this.socket.connected) throw offline();
    let reply: Reply;
    try {
      reply = (await this.socket.timeout(ATTEMPT_MS).emitWithAck(command, payload)) as Reply;
    } catch {
      throw offline();
    }
    return answerOf<C>(reply);
  }

  /** Goes on with another token of the same person. Refused if it isn't one; without a connection, the next one takes it. */
  async renew(token: string): Promise<void> {
    if (this.socket.connected) await this.ask("refresh", { token });
    this.token = token;
  }

  /**
   * A command that changes something, under a new key. While the connection is away it waits, and is sent
   * again with the same key, for at most 30 s; then it is refused with `offline`.
   */
  async send<C extends Keyed>(command: C, payload: Payload<C>): Promise<Answer<C>> {
    if (this.unanswered.size >= UNANSWERED_MAX) throw offline("Too many commands are waiting.");
    const reply = await new Promise<Reply>((resolve) => {
      const waiting: Unanswered = {
        command,
        payload: { ...payload, key: newKey() },
        deadline: Date.now() + COMMAND_MS,
        sent: 0,
        doubted: false,
        resolve,
      };
      this.unanswered.add(waiting);
      setTimeout(() => this.giveUp((each) => each === waiting), COMMAND_MS);
      if (this.entered) this.attempt(waiting);
    });
    return answerOf<C>(reply);
  }

  private attempt(waiting: Unanswered): void {
    waiting.sent += 1;
    this.socket
      .timeout(ATTEMPT_MS)
      .emitWithAck(waiting.command, waiting.payload)
      .then(
        (reply: Reply) => {
          if (isDoubtful(waiting, reply)) {
            waiting.doubted = true;
            this.attempt(waiting);
          } else if (this.unanswered.delete(waiting)) waiting.resolve(reply);
        },
        () => {
          // No answer in time: on a connection that stands, ask again; otherwise the reconnect will.
          if (this.entered && this.unanswered.has(waiting)) this.attempt(waiting);
        },
      );
  }

  private giveUp(which: (each: Unanswered) => boolean): void {
    for (const each of [...this.unanswered].filter(which)) {
      this.unanswered.delete(each);
      const { code, message, temporary } = offline();
      each.resolve({ ok: false, error: { code, message, temporary } });
    }
  }

  private listen(): void {
    const { socket, listener } = this;
    socket.on("connect", () => void this.enter());
    socket.on("disconnect", (reason) => {
      this.entered = false;
      listener.disconnected();
      // The library doesn't come back by itself when the server closed the connection.
      if (reason === "io server disconnect" && this.comeBackAfterMs !== null) {
        this.comeBackIn(this.comeBackAfterMs);
        this.comeBackAfterMs = null;
      }
    });
    socket.on("connect_error", (error: Error & { data?: WireError }) => {
      const { data } = error;
      if (data?.code !== undefined && !data.temporary) listener.refused(data);
      else listener.disconnected();
      // Nor when it refused the connection, though it may take it later.
      if (data?.temporary) this.comeBackIn((data.retry_after_ms ?? 1_500) + Math.random() * 1_000);
    });
    socket.on("bye", (bye: Bye) => {
      // Spread out: everybody else on that node was sent away at the same moment.
      this.comeBackAfterMs = bye.reconnect ? (bye.retry_after_ms ?? 0) + Math.random() * 1_000 : null;
      listener.bye(bye);
      if (!bye.reconnect) socket.disconnect();
    });
    socket.on("events", listener.events);
    socket.on("you", listener.you);
    socket.on("staff", listener.staff);
    socket.on("signals", listener.signals);
    socket.on("publisher", listener.publisher);
    socket.on("buy.waiting", listener.waiting);
  }

  private comeBackIn(ms: number): void {
    setTimeout(() => {
      if (!this.closed) this.socket.connect();
    }, ms);
  }

  private async enter(): Promise<void> {
    await this.listener.connected();
    if (!this.socket.connected) return;
    this.entered = true;
    for (const waiting of this.unanswered) this.attempt(waiting);
  }
}

/**
 * A node says from memory that something is gone, to a key that it hasn't seen. But the answer that was lost may
 * have been a yes, of another node: asked again, it looks the key up.
 */
function isDoubtful(waiting: Unanswered, reply: Reply): boolean {
  return !reply.ok && reply.error.temporary && GONE.has(reply.error.code) && waiting.sent > 1 && !waiting.doubted;
}

function answerOf<C extends Command>(reply: Reply): Answer<C> {
  if (!reply.ok) throw new Refusal(reply.error);
  return reply;
}

/** `crypto.randomUUID` is missing on plain HTTP, which a phone in the same network may be using. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
