/**
 * The state of a room as a fold of its log, the same as the server's `rooms/state.py`; both are held to
 * `tests/vectors/fold.json`. Pure: a changed state is a new object, an unchanged one is the same.
 */
import { corrected } from "./corrections";
import { NO_MODES } from "./modes";
import type { Coupon, LiveEvent, Pause, Play, Product, RoomInfo, RoomSettings, RoomState, RoomStatus, Sale } from "./wire";
import { EMPTY_STAGE, type OnStage } from "./stage_wire";

const COMMENTS_KEPT = 50;
const PINS_KEPT = 3;
const COUPONS_KEPT = 5;
const PLAYS_KEPT = 5;
const GUESTS_KEPT = 15;
/** Everybody on stage, and the host. */
const BLURRED_KEPT = GUESTS_KEPT + 1;

export function emptyState(room: string): RoomState {
  return {
    room: { id: room, title: "", status: "idle", host: { id: "", name: "" }, started_at_ms: null, ended_at_ms: null },
    settings: NO_MODES,
    products: [],
    pins: [],
    coupons: [],
    comments: [],
    sales: [],
    explaining: null,
    plays: [],
    stage: EMPTY_STAGE,
  };
}

/** The state after `event`. Unknown kinds change nothing. */
export function fold(state: RoomState, event: LiveEvent): RoomState {
  const rule = Object.hasOwn(rules, event.kind) ? rules[event.kind] : undefined;
  return rule ? rule(state, event) : state;
}

export function foldAll(state: RoomState, events: readonly LiveEvent[]): RoomState {
  return events.reduce(fold, state);
}

type Rule = (state: RoomState, event: LiveEvent) => RoomState;

const rules: Record<string, Rule> = {
  "room.created": (state, event) => {
    const { title, host } = event.data as Pick<RoomInfo, "title" | "host">;
    const fresh = emptyState(state.room.id);
    return { ...fresh, room: { ...fresh.room, title, host } };
  },

  "room.status": (state, event) => {
    const status = event.data.status as RoomStatus;
    const room = { ...state.room, status };
    if (status === "live" && (state.room.status === "idle" || state.room.status === "ended")) {
      room.started_at_ms = event.at_ms;
      room.ended_at_ms = null;
    }
    if (status !== "ended") return { ...state, room };
    if (room.pause) room.pause = { ...room.pause, on: false };
    return { ...state, room: { ...room, ended_at_ms: event.at_ms }, stage: EMPTY_STAGE };
  },

  "room.changed": (state, event) => {
    const data = event.data as Partial<RoomSettings & Pick<RoomInfo, "title">>;
    return {
      ...state,
      room: data.title === undefined ? state.room : { ...state.room, title: data.title },
      settings: { ...state.settings, ...settingsOf(data) },
    };
  },

  "room.pause": (state, event) => {
    const { on, picture } = event.data as unknown as Pause;
    return { ...state, room: { ...state.room, pause: { on, picture } } };
  },

  comment: (state, event) =>
    event.data.deleted === true ? state : { ...state, comments: [...state.comments, event].slice(-COMMENTS_KEPT) },

  "comment.deleted": withCorrected,
  "comment.masked": withCorrected,
  "comment.purged": withCorrected,
  "avatar.removed": withCorrected,

  "comment.restored": (state, event) => {
    const comment = event.data.comment as LiveEvent | undefined;
    if (!comment || state.comments.some(({ id }) => id === comment.id)) return state;
    const place = state.comments.filter(({ offset }) => offset <= comment.offset).length;
    return { ...state, comments: state.comments.toSpliced(place, 0, comment).slice(-COMMENTS_KEPT) };
  },

  "product.added": (state, event) => ({ ...state, products: [...state.products, productOf(event)] }),

  "product.changed": (state, event) => {
    const changed = productOf(event);
    return { ...state, products: state.products.map((each) => (each.id === changed.id ? changed : each)) };
  },

  "product.removed": (state, event) => ({
    ...state,
    products: state.products.filter((product) => product.id !== event.data.id),
    pins: state.pins.filter((id) => id !== event.data.id),
    explaining: state.explaining === event.data.id ? null : state.explaining,
  }),

  "product.moved": (state, event) => {
    const place = (event.data.position as number) - 1;
    const rest = state.products.filter((product) => product.id !== event.data.id);
    const moved = state.products.filter((product) => product.id === event.data.id);
    const shelf = [...rest.slice(0, place), ...moved, ...rest.slice(place)];
    return { ...state, products: shelf.map((product, n) => ({ ...product, position: n + 1 })) };
  },

  "product.pinned": (state, event) => {
    const pinned = event.data.id as string;
    return { ...state, pins: [pinned, ...state.pins.filter((id) => id !== pinned)].slice(0, PINS_KEPT) };
  },

  "product.unpinned": (state, event) => ({ ...state, pins: state.pins.filter((id) => id !== event.data.id) }),

  "sale.scheduled": (state, event) => withSale(state, event),

  "sale.started": (state, event) => withSale(state, event),

  "sale.ended": (state, event) => ({ ...state, sales: state.sales.filter((sale) => sale.id !== event.data.id) }),

  "coupon.dropped": (state, event) => {
    const dropped = event.data.coupon as Coupon;
    const others = state.coupons.filter((coupon) => coupon.id !== dropped.id);
    return { ...state, coupons: [dropped, ...others].slice(0, COUPONS_KEPT) };
  },

  "coupon.closed": (state, event) => ({
    ...state,
    coupons: state.coupons.filter((coupon) => coupon.id !== event.data.id),
  }),
  "explaining.started": (state, event) => ({ ...state, explaining: event.data.product as string }),

  "explaining.stopped": (state, event) =>
    state.explaining === event.data.product ? { ...state, explaining: null } : state,

  "lottery.opened": withPlay,
  "lottery.closed": withPlay,
  "lottery.drawn": withPlay,
  "lottery.ended": withoutPlay,
  "packet.opened": withPlay,
  "packet.ended": withoutPlay,
  "quiz.opened": withPlay,
  "quiz.asked": withPlay,
  "quiz.closed": withPlay,
  "quiz.ended": withoutPlay,
  "poll.opened": withPlay,
  "poll.closed": withPlay,
  "poll.ended": withoutPlay,

  "guest.joined": (state, event) => {
    const { slot, user } = event.data as Pick<OnStage, "slot" | "user">;
    const others = state.stage.guests.filter((guest) => guest.slot !== slot);
    const guests = [...others, { slot, user, since_ms: event.at_ms }].slice(0, GUESTS_KEPT);
    return { ...state, stage: { ...state.stage, guests } };
  },

  // Where the one who left was the big one, that is the host again.
  "guest.left": (state, event) => {
    const { layout, guests } = state.stage;
    const slot = event.data.slot as string;
    return {
      ...state,
      stage: {
        layout: layout === `guest:${slot}` ? "host" : layout,
        guests: guests.filter((guest) => guest.slot !== slot),
      },
    };
  },

  "stage.layout": (state, event) => ({ ...state, stage: { ...state.stage, layout: event.data.layout as string } }),

  "stream.blurred": (state, event) => {
    const { blurred, ...room } = state.room;
    const others = (blurred ?? []).filter((stream) => stream !== event.data.stream);
    const now = event.data.on === true ? [...others, event.data.stream as string].slice(0, BLURRED_KEPT) : others;
    return { ...state, room: now.length > 0 ? { ...room, blurred: now } : room };
  },

  "recording.started": (state, event) => ({ ...state, room: { ...state.room, recording: event.data.id as string } }),

  "recording.stopped": (state, event) => {
    const { recording, ...room } = state.room;
    return recording === event.data.id ? { ...state, room } : state;
  },
};

/** A lottery, red packet, quiz or poll begins, or goes on: then it keeps its place. Only the newest of each kind. */
function withPlay(state: RoomState, event: LiveEvent): RoomState {
  const kind = event.kind.split(".", 1)[0] as Play["kind"];
  const fresh: Play = { ...(event.data[kind] as Omit<Play, "kind">), kind };
  if (state.plays.some((play) => play.id === fresh.id)) {
    return { ...state, plays: state.plays.map((play) => (play.id === fresh.id ? fresh : play)) };
  }
  const others = state.plays.filter((play) => play.kind === kind).slice(PLAYS_KEPT - 1);
  return { ...state, plays: [fresh, ...state.plays.filter((play) => !others.includes(play))] };
}

function withoutPlay(state: RoomState, event: LiveEvent): RoomState {
  return { ...state, plays: state.plays.filter((play) => play.id !== event.data.id) };
}

function withCorrected(state: RoomState, event: LiveEvent): RoomState {
  const comments = corrected(state.comments, event);
  return comments === state.comments ? state : { ...state, comments: [...comments] };
}

/** Those of the fields that are settings; what isn't known yet is none. */
function settingsOf(data: object): Partial<RoomSettings> {
  return Object.fromEntries(Object.entries(data).filter(([name]) => Object.hasOwn(NO_MODES, name)));
}

/** Announced, or begun: what was announced before keeps its place. */
function withSale(state: RoomState, event: LiveEvent): RoomState {
  const fresh = event.data.sale as Sale;
  const known = state.sales.some((sale) => sale.id === fresh.id);
  const sales = known ? state.sales.map((sale) => (sale.id === fresh.id ? fresh : sale)) : [...state.sales, fresh];
  return { ...state, sales };
}

function productOf(event: LiveEvent): Product {
  return event.data.product as Product;
}
