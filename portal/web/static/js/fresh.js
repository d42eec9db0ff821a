/*
 * A page that follows what happens elsewhere: <div data-follow="campaign" data-id="…" data-fresh="running 1 running"> names a
 * thing and the state it was drawn in. The staff socket tells its state and its figures, never a word of anybody.
 *
 *   another state                      the page is drawn anew, but not under an open dialog or while somebody types
 *   [data-figure="sent"]               holds a figure; a <progress> is moved by it
 *   [data-when="failed"]               shows only while that figure is not 0
 *   [data-calm="5"]                    is not drawn anew more often than every so many seconds
 *
 * Without the socket the page says so, and asks for itself now and then. That is the only place where the console asks.
 * The bell of every page, [data-bell], follows how many notifications are not seen; a page with nothing but it says nothing of its
 * connection, and connects once it has been open for a moment.
 */
import { inert } from "./trusted.js";

const CALM = 1;
const SAY_AFTER = 2000;
const ASK_EVERY = 15_000;
const BACK = [1000, 2000, 5000, 15_000, 30_000];
const SIGNED_OUT = [4401, 4403];
const FOR_GOOD = [4400, 4429]; // it would be refused again: the page goes on asking

const BELL_AFTER = 1500;

const part = document.querySelector("[data-follow]");
const bell = document.querySelector("[data-bell]");
const began = performance.now();
let socket = null;
let tries = 0;
let asking = 0;
let saying = 0;
let waiting = 0;
let told = null;
let over = false;

const busy = () => document.querySelector("dialog[open]") || document.activeElement?.matches("input, textarea, select");
const say = (frame) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(frame));

function drawAnew() {
  over = true;
  clearTimeout(waiting);
  const calm = Number(part.dataset.calm ?? CALM) * 1000 - (performance.now() - began);
  if (calm <= 0 && !busy()) return location.reload();
  waiting = setTimeout(drawAnew, Math.max(calm, 500));
}

function put(figures, within = document) {
  for (const [name, value] of Object.entries(figures)) {
    for (const node of within.querySelectorAll(`[data-figure="${CSS.escape(name)}"]`)) {
      if (node instanceof HTMLProgressElement) node.value = value ?? 0;
      else if (node.textContent !== String(value ?? 0)) node.textContent = String(value ?? 0);
    }
    for (const node of within.querySelectorAll(`[data-when="${CSS.escape(name)}"]`)) node.hidden = !value;
  }
}

function take(frame) {
  if (frame.what === "news") {
    if (bell) put(frame.figures ?? {}, bell);
    if (part?.dataset.follow !== "news") return;
  }
  if (frame.type === "ping") say({ type: "pong" });
  else if (frame.type === "resync") follow();
  else if (frame.type === "error" && frame.code === "not_found") drawAnew();
  else if (frame.type === "now" && !over) {
    put(frame.figures);
    if (frame.state !== part.dataset.fresh) drawAnew();
  }
}

function follow() {
  if (part) say({ type: "follow", what: part.dataset.follow, id: part.dataset.id || null });
  if (bell) say({ type: "follow", what: "news", id: null });
}

function connect() {
  socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/console/socket`);
  socket.addEventListener("open", follow);
  socket.addEventListener("message", (event) => {
    tries = 0;
    heard();
    take(JSON.parse(event.data));
  });
  socket.addEventListener("close", (event) => lost(event.code));
}

/* ── without the socket ── */
function heard() {
  clearTimeout(saying);
  clearInterval(asking);
  saying = asking = 0;
  told?.remove();
  told = null;
}

function lost(code) {
  socket = null;
  if (over) return;
  const pause = BACK[Math.min(tries++, BACK.length - 1)] * (0.75 + Math.random() / 2);
  if (!part) return [...SIGNED_OUT, ...FOR_GOOD].includes(code) || setTimeout(connect, pause);
  if (SIGNED_OUT.includes(code)) {
    tell("You are signed out. Sign in again to go on.");
    return drawAnew();
  }
  saying ||= setTimeout(() => tell("No live connection. This page looks again every 15 seconds."), SAY_AFTER);
  asking ||= setInterval(ask, ASK_EVERY);
  if (!FOR_GOOD.includes(code)) setTimeout(connect, pause);
}

function tell(words) {
  told ??= Object.assign(document.createElement("p"), { className: "help", role: "status" });
  if (!told.isConnected) part.after(told);
  told.textContent = words;
}

async function ask() {
  if (document.hidden || busy() || over) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return drawAnew();
    const page = inert(await answer.text());
    if (page.querySelector("[data-follow]")?.dataset.fresh !== part.dataset.fresh) return drawAnew();
    const figures = [...page.querySelectorAll("[data-figure]")].filter((node) => !node.closest("[data-bell]"));
    put(Object.fromEntries(figures.map((node) => [node.dataset.figure, Number(node.value ?? node.textContent)])));
  } catch {
    // Offline, or the server restarts: what stands here is still what was true.
  }
}

if (part || bell) {
  let first = part ? connect() : setTimeout(connect, BELL_AFTER);
  addEventListener("pagehide", () => {
    over = true;
    clearTimeout(first);
    if (socket?.readyState === WebSocket.OPEN) socket.close(); // one that is being opened goes with the page, and without a warning
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    if (part) return location.reload();
    over = false;
    first = setTimeout(connect, BELL_AFTER);
  });
}
if (part) {
  // Its end is known to the second: the text left at once, the rest of the page follows.
  document.addEventListener("ebb:gone", (event) => {
    if (event.target.closest("[data-life]") === part) drawAnew();
  });
}
