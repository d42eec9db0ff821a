// The line to the server: connects, proves the key, hands frames on, comes back with jitter.
//
// A state is asked for again every 30–60 s, because a lost wake-up may delay a message and must never lose one.
// Whoever has not heard the server for a minute tells the page to empty itself: without the server a device shows
// nothing.

import * as clock from "./clock.js";
import * as http from "./http.js";
import * as pass from "./pass.js";
import * as proof from "./proof.js";

const SILENCE = 60_000; // after this the page empties itself
const PATIENCE = 30_000; // for a connection to become a state
const RESTARTED = 12_000; // over which the pages of a server that restarted come back
const NOT_PROVED = 4401;
const REVOKED = 4403;
const TOO_MANY = 4429;
const RESTART = 1012;

/** What a refusal by its code means for the page: locked, wiping (an order waits for it), or over. */
export function standing(code) {
  return { device_locked: "locked", device_wiping: "wiping", device_covered: "covered" }[code] ?? "revoked";
}

/**
 * on: {frame(frame), state(state, asked, fresh), line("open" | "connecting" | "polling" | "offline"),
 *      silent(), refused("unknown" | "revoked" | "locked" | "wiping" | "covered", problem)}
 */
export function connect(device, on) {
  let socket = null;
  let open = false;
  let tried = ""; // the pass that this line came with
  let shut = false; // by the app lock: there is no state to ask for
  let asked = 0;
  let tries = 0; // connections in a row that never became a state
  let unproved = 0;
  let stopped = false;
  let heard = clock.mark();
  let silent = false;
  let again = null;
  let patience = null;
  const watch = setInterval(look, 2_000);
  let asking = setTimeout(poll, pause());

  const woken = () => document.visibilityState === "visible" && wake();
  const lost = () => on.line("offline");
  addEventListener("online", wake);
  addEventListener("offline", lost);
  document.addEventListener("visibilitychange", woken);
  dial();

  function dial() {
    if (stopped) return;
    clearTimeout(again);
    if (!navigator.onLine) on.line("offline");
    else if (tries < 2) on.line("connecting");
    const mine = new WebSocket(`${location.protocol === "http:" ? "ws" : "wss"}://${location.host}/inbox/socket`);
    socket = mine;
    mine.onmessage = (event) => mine === socket && take(event.data);
    mine.onclose = (event) => mine === socket && closed(event.code);
    patience = setTimeout(() => mine.close(), PATIENCE);
  }

  async function take(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return; // not ours to guess at
    }
    hear();
    if (frame.type === "ping") send({ type: "pong" });
    else if (frame.type === "challenge") {
      const signature = await proof.socket(device, frame.nonce);
      asked = performance.now();
      tried = pass.get();
      send({ type: "prove", signature, zone: proof.zone(), ...(tried && { pass: tried }) });
    } else if (frame.type === "state") {
      clearTimeout(patience);
      tries = unproved = 0;
      open = true;
      on.state(frame, asked, true);
      on.line("open");
    } else if (frame.type === "covered") {
      clearTimeout(patience);
      tries = unproved = 0;
      open = shut = true;
      on.frame({ ...frame, tried });
    } else if (frame.type === "resync") poll();
    else on.frame(frame);
  }

  function closed(code) {
    clearTimeout(patience);
    socket = null;
    open = false;
    if (stopped) return;
    tries += 1;
    if (code === NOT_PROVED && ++unproved >= 2) return on.refused("unknown");
    if (code === REVOKED) return on.refused("revoked");
    if (tries === 2) poll(); // sockets may be blocked on the way, or refused before they open: HTTP says which
    if (tries < 2 || !navigator.onLine) on.line(navigator.onLine ? "connecting" : "offline");
    again = setTimeout(dial, delay(code));
  }

  function delay(code) {
    const jitter = 0.5 + Math.random();
    if (code === RESTART) return RESTARTED * Math.random() + 300;
    if (code === TOO_MANY) return 60_000 * jitter;
    return Math.min(30_000, 500 * 2 ** tries) * jitter;
  }

  async function poll() {
    clearTimeout(asking);
    asking = setTimeout(poll, pause());
    if (stopped || shut || document.visibilityState === "hidden") return; // waking asks again
    const from = performance.now();
    try {
      const state = await http.ask(device, "GET", "/inbox/state");
      if (stopped) return;
      hear();
      on.state(state, from, false);
      on.line(open ? "open" : "polling");
    } catch (answer) {
      if (!stopped) unanswered(answer);
    }
  }

  function unanswered({ status, code, problem }) {
    if (open) return; // the socket is alive and will say so itself
    if (status === 401) on.refused("unknown");
    else if (status === 403) on.refused(standing(code), problem);
    else on.line(navigator.onLine ? "connecting" : "offline");
  }

  function look() {
    if (silent || clock.since(heard) < SILENCE) return;
    silent = true;
    on.silent();
    const dead = socket; // half-open: the other end may be gone without a word, and so might `onclose` be
    if (!dead) return;
    closed(1006);
    dead.close();
  }

  function hear() {
    heard = clock.mark();
    silent = false;
  }

  // Back on the network, or back from sleep: what was seen last may be long over, so ask before trusting the line.
  function wake() {
    look();
    if (stopped) return;
    if (!socket) {
      tries = Math.min(tries, 1);
      dial();
    } else if (open) poll();
  }

  /** → whether it went out. */
  function send(frame) {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(frame));
    return true;
  }

  function stop() {
    stopped = true;
    open = false;
    clearInterval(watch);
    for (const timer of [again, patience, asking]) clearTimeout(timer);
    removeEventListener("online", wake);
    removeEventListener("offline", lost);
    document.removeEventListener("visibilitychange", woken);
    socket?.close();
    socket = null;
  }

  return { send, stop, poll, isOpen: () => open };
}

const pause = () => 30_000 + 30_000 * Math.random();
