// A room on Node's socket.io: node server.mjs SNAPSHOT_BYTES
//
// The shortest server that does what ours does for a viewer: a check of the token, a snapshot of the same size
// on entering, an event with an offset to everybody in the room for each comment. It keeps nothing and writes
// nothing to disk. Settings as socket.io's page on performance has them: WebSocket only, no compression.

import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { Server } from "socket.io";

const { PEER_SECRET, PEER_ISSUER, PEER_AUDIENCE, PEER_ROOM } = process.env;
const EPOCH = "peer";
let head = 0;
let gatherMs = 0;
let gathered = [];

function claimsOf(token) {
  const [header, payload, signature] = token.split(".");
  const expected = createHmac("sha256", PEER_SECRET).update(`${header}.${payload}`).digest();
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new Error("bad_token");
  if (JSON.parse(Buffer.from(header, "base64url")).alg !== "HS256") throw new Error("bad_token");
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  if (claims.iss !== PEER_ISSUER || claims.aud !== PEER_AUDIENCE) throw new Error("bad_token");
  if (!(claims.exp * 1000 > Date.now())) throw new Error("token_expired");
  return claims;
}

function makeEvent(offset, text) {
  return {
    id: randomUUID(),
    offset,
    kind: "comment",
    at_ms: Date.now(),
    user: { id: "load-0", name: "Load 0", badges: [] },
    data: { text, color: "white", lane: "scroll" },
  };
}

function makeSnapshot(bytes) {
  const one = JSON.stringify(makeEvent(100, ".".repeat(60))).length + 1;
  return { comments: Array.from({ length: Math.max(1, Math.floor(bytes / one)) }, (_, n) => makeEvent(n, ".".repeat(60))) };
}

const snapshot = makeSnapshot(Number(process.argv[2]));
const server = createServer();
const io = new Server(server, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  pingInterval: 20_000,
  pingTimeout: 15_000,
  maxHttpBufferSize: 200_000,
});
const live = io.of("/live");

function send(items) {
  const frame = { room: PEER_ROOM, epoch: EPOCH, from: items[0].offset, to: items.at(-1).offset, items, skipped: {} };
  live.to(PEER_ROOM).emit("events", frame);
}

function flush() {
  const items = gathered;
  gathered = [];
  send(items);
}

live.use((socket, next) => {
  try {
    socket.data.user = claimsOf(socket.handshake.auth.token).sub;
    next();
  } catch (error) {
    next(error);
  }
});

live.on("connection", (socket) => {
  socket.on("enter", (payload, reply) => {
    socket.join(PEER_ROOM);
    reply({ ok: true, epoch: EPOCH, offset: head, recovered: false, snapshot, skipped: {} });
  });
  socket.on("comment", (payload, reply) => {
    const event = makeEvent(++head, payload.text);
    if (!gatherMs) {
      send([event]);
    } else if (gathered.push(event) === 1) {
      setTimeout(flush, gatherMs);
    }
    reply({ ok: true, event });
  });
  socket.on("gather", (payload, reply) => {
    gatherMs = payload.ms;
    reply({ ok: true });
  });
});

// As socket.io's documents advise: the first request isn't needed any more, and takes memory.
io.engine.on("connection", (raw) => {
  raw.request = null;
});

server.listen(0, "127.0.0.1", 1024, () => console.log(`ready http://127.0.0.1:${server.address().port} `));
