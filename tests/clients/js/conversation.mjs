// A conversation with a node by the official socket.io-client: enter, comment, receive, lose the connection,
// come back with `after`. Prints what happened as JSON lines; takes its orders as lines on standard input.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

// Installed where the web pages are; this file lives elsewhere.
const require = createRequire(`${process.env.CLIENT_FOLDER}/package.json`);
const { io } = require("socket.io-client");

const { NODE_URL, TOKEN, ROOM, TRANSPORT } = process.env;
const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const socket = io(`${NODE_URL}/live`, {
  transports: [TRANSPORT],
  auth: { token: TOKEN },
  reconnectionDelay: 50,
  reconnectionDelayMax: 200,
});
let at = null;

// By callback: one answer to a poll can bring the acknowledgement and the next frame, which the client hands on
// before whoever awaits the first one goes on.
function enter() {
  const after = at ?? undefined;
  socket.timeout(10_000).emit("enter", { room: ROOM, after }, (error, answer) => {
    if (error) throw error;
    if (answer.ok) at = { epoch: answer.epoch, offset: answer.offset };
    tell({ entered: answer });
  });
}

socket.on("connect", enter);
socket.on("connect_error", (error) => tell({ refused: error.data ?? error.message }));
socket.on("disconnect", (reason) => tell({ gone: reason }));
socket.on("events", (frame) => {
  const follows = frame.from === at.offset + 1 && frame.epoch === at.epoch;
  at = { epoch: frame.epoch, offset: frame.to };
  tell({ frame, follows });
});

const orders = {
  async say({ text, key }) {
    tell({ said: await socket.timeout(10_000).emitWithAck("comment", { room: ROOM, text, key }) });
  },
  // The network goes away under the client's feet; it comes back by itself when told to.
  async cut() {
    socket.io.reconnection(false);
    socket.io.engine.close();
  },
  async mend() {
    socket.io.reconnection(true);
    socket.connect();
  },
  async end() {
    socket.disconnect();
    process.exit(0);
  },
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const { order, ...what } = JSON.parse(line);
  void orders[order](what);
});
setTimeout(() => process.exit(9), 50_000).unref();
