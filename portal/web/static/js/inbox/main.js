// The inbox: wires the line to the server, what the page knows, and what it shows.
//
// One rule runs through it: whatever ends a message ends it here at once and for good; the server is asked afterwards.

import { announce } from "../ring.js";
import * as acting from "./acts.js";
import * as applock from "./applock.js";
import { calm, sure } from "./calm.js";
import * as clock from "./clock.js";
import * as closes from "./closing.js";
import * as composing from "./composer.js";
import * as device_ from "./device.js";
import { el } from "./dom.js";
import * as empty from "./empty.js";
import * as files from "./files.js";
import * as guarded from "./guarded.js";
import * as http from "./http.js";
import * as menu from "./menu.js";
import * as mydevices from "./mydevices.js";
import * as outgoing from "./outbox.js";
import * as own from "./own.js";
import * as pass from "./pass.js";
import * as proof from "./proof.js";
import * as reading from "./seen.js";
import * as socket from "./socket.js";
import * as store from "./store.js";
import * as told_ from "./told.js";
import * as viewing from "./view.js";
import * as words from "./words.js";
import { say } from "./words.js";

const LATER = 45_000; // how often a locked device asks whether it still is

/** Runs the inbox of `device` ({id, key}) in the page's <main>. `said`: what stands above it for a moment once it is open. */
export function start(device, { keep = true, said = "" } = {}) {
  const main = document.getElementById("main");
  const line = viewing.banner();
  const out = outgoing.create({
    carry: (frame) => Boolean(link?.isOpen() && link.send(frame)),
    post: (value) => http.ask(device, "POST", "/inbox/messages", value).finally(() => link?.poll()),
    changed: () => render(),
  });
  const acts = acting.create({
    device, out, line, link: () => link, changed: () => render(),
    answer: (message) => composer.answer(message),
  });
  const closing = closes.create(() => mine("copy"));
  const view = viewing.create(acts, closing.node);
  const composer = composing.create({
    write: (value) => out.add({ ...value, for: view.person() }),
    carry: (file, how) => http.upload(device, "/inbox/attachments", file, how),
    tooLong: () => line.pass("too_long"),
  });
  const seen = reading.create(acts.read);
  const mark = guarded.mark();
  let watermark = false;
  let link = null;
  let resting = null; // ends the watch for a rest, while there is an app lock
  let lock = { kind: "none" };
  let shownLock = {};
  let mode = "live"; // live, own, settings, silent, covered, locked, and the ends: wiped, signed_out, revoked, unknown
  let loaded = false;
  let ending = 0;
  let retry = 0;

  main.replaceChildren(line.node, view.node, composer.node, mark.node);
  guarded.watch(view.node);
  main.classList.add("live");
  menu.open({
    signOut, devices: () => mydevices.open(device), notices: () => told_.open(device), lock: lockSettings,
    own: mine,
  });
  const unwatch = empty.watch({ empty: putAway, back: connect, catchUp: () => (mode === "" ? connect() : expire()) });
  if (keep) device_.shell().then(() => told_.settle(device));
  connect();

  function connect() {
    clearTimeout(retry);
    link?.stop();
    link = socket.connect(device, { frame, state, refused, silent, line: online });
  }

  function online(kind) {
    if (kind === "connecting" || kind === "offline") out.broke();
    if (mode !== "live" && mode !== "silent") return;
    const was = line.shown();
    line.show(kind === "open" ? "" : kind);
    if (kind !== "open") return;
    if (said) line.pass(said);
    else if (was) line.pass("back_online");
    said = "";
  }

  function state(told, asked, fresh) {
    if (isAside()) return heed(told.lock); // somebody is at something else: a state that comes by itself does not end it
    if (mode !== "live") show("live");
    clock.set(told.now, asked);
    store.apply(told, asked, fresh);
    loaded = true;
    heed(told.lock);
    watermark = Boolean(told.desk?.watermark);
    composer.tell(told.desk ?? {});
    closing.tell(told.desk?.closes_at, clock.now());
    out.settle(asked);
    out.resume();
    if (fresh) told_.clear();
    if (fresh) acts.delivered(told.messages.filter((message) => message.state === "sent"));
    render();
    words.heed(told.customers?.[0]?.language).then((changed) => changed && anew());
  }

  // In another language every label is another: all of it is made again.
  function anew() {
    link.stop();
    unwatch();
    clear();
    start(device, { keep });
  }

  function frame(told) {
    if (told.type === "message" || told.type === "revealed") {
      store.put(told.message);
      acts.settled(told.message.id);
      if (told.type === "message") acts.delivered([told.message]);
      out.settle();
    } else if (told.type === "gone") gone(told.ids, () => store.gone(told.ids, told.reason));
    else if (told.type === "accepted") out.accepted(told.id);
    else if (told.type === "error") acts.refused(told.code, told.id);
    else if (told.type === "covered") return covered(told);
    else if (told.type === "lock") return show("locked");
    else if (told.type === "wipe") return wipe(told.wipe);
    render();
  }

  function render() {
    if (mode !== "live") return;
    files.sweep();
    const nodes = view.render({ busy: acts.busy, drafts: out.drafts(), loaded });
    composer.show(loaded && Boolean(view.person()));
    mark.show(watermark && loaded ? reader() : "");
    seen.watch(nodes.filter((node) => acts.unread(node.dataset.id)));
    clearTimeout(ending);
    const next = store.nextEnd();
    if (next !== null) ending = setTimeout(expire, Math.min(next + 1, 3_600_000));
  }

  function reader() {
    const id = view.person() ?? "";
    return store.customers.find((one) => one.id === id)?.name || id.slice(-12); // a business finds who has which end of an id
  }

  function expire() {
    const passed = store.expire();
    if (passed.length) gone(passed, () => {});
    render();
  }

  function gone(ids, bury) {
    bury();
    composer.ended(ids);
    ids.forEach(acts.settled);
  }

  // Nothing of any message survives this: not in memory, not in the tree, not half-typed in a field.
  function clear() {
    clearTimeout(ending);
    loaded = false;
    store.clear();
    out.clear();
    acts.clear();
    files.clear();
    seen.empty();
    view.empty();
    composer.empty();
    composer.show(false);
    mark.show("");
    announce("");
  }

  // Beside the messages: their own page, the app lock's settings.
  const isAside = () => mode === "own" || mode === "settings";

  // Their own page, or one act of it.
  function mine(at) {
    show("own", null, own.open(device, leave, at));
  }

  function leave() {
    mode = "";
    connect();
  }

  function putAway() {
    clear();
    if (!isAside()) return;
    main.querySelectorAll(":scope > [data-over]").forEach((one) => one.remove());
    mode = "";
  }

  // ── the app lock ──
  function heed(told) {
    if (!told || (told.kind === lock.kind && resting)) return;
    lock = told;
    resting?.();
    resting = lock.kind === "none" ? null : applock.watch({ after: lock.after, rest, here: () => mode === "live" && link?.send({ type: "active" }) });
  }

  // The page closes itself; the server is told, and would find out by itself.
  function rest() {
    if (!["live", "silent", "settings", "own"].includes(mode)) return;
    http.ask(device, "POST", "/inbox/close").catch(() => {});
    pass.set("");
    covered({ lock: lock.kind });
    connect(); // says with which passkey it opens, and still hears of a lock or a wipe
  }

  // `tried`: the pass that was refused. One that came meanwhile opens the next line; one that rests is forgotten.
  function covered(told) {
    if (pass.get() && told.tried !== pass.get()) return connect();
    pass.set("");
    if (mode === "covered" && (shownLock.credential || !told.credential)) return; // a PIN may be half typed
    document.querySelectorAll("dialog[open]").forEach((one) => one.close());
    mode = "";
    shownLock = told;
    show("covered", null, applock.cover(device, told, connect));
  }

  function lockSettings() {
    const node = applock.settings(device, lock, () => {
      resting?.();
      resting = null;
      mode = "";
      connect();
    });
    show("settings", null, el("div", {}, node,
      el("p", { class: "sheet-foot" }, el("button", { class: "button", type: "button", onclick: leave }, say("back")))));
  }

  function show(next, way, node) {
    if (mode === next) return;
    mode = next;
    clear();
    main.querySelectorAll(":scope > .calm, :scope > [data-over]").forEach((one) => one.remove());
    const live = mode === "live";
    view.node.hidden = !live;
    if (!live) {
      line.show("");
      main.append(node ?? calm(mode, way));
      node?.setAttribute("data-over", "");
    }
    menu.show(live);
    clearTimeout(retry);
    if (mode === "locked") retry = setTimeout(connect, LATER * (0.75 + Math.random() / 2));
  }

  function silent() {
    if (["live", "own", ""].includes(mode)) show("silent", { key: "again", act: connect });
  }

  // The door was closed on us. Locked and wiped say so themselves first; else ask once more, over HTTP, why.
  async function refused(why, order) {
    link?.stop();
    if (mode === "wiped" || mode === "signed_out") return;
    if (why === "revoked") ({ why, order } = await reason());
    if (why === "wiping") return wipe(order.wipe);
    if (why === "covered") {
      covered({ ...order, tried: pass.get() });
      return again();
    }
    if (mode === "locked" && why !== "unknown") return again();
    if (why === "open") return again();
    if (why === "locked") return mode === "locked" ? again() : show("locked");
    show(why, { key: "recover", href: "/inbox/recover" });
  }

  function again() {
    clearTimeout(retry);
    retry = setTimeout(connect, LATER * (0.75 + Math.random() / 2));
  }

  async function reason() {
    try {
      await http.ask(device, "GET", "/inbox/state");
      return { why: "open" };
    } catch ({ status, code, problem }) {
      if (code === "business_closed") location.reload(); // the address itself says so, in words
      if (status === 0) return { why: mode === "locked" ? "locked" : "revoked" };
      return { why: socket.standing(code), order: problem };
    }
  }

  // Evidence in the order that makes it true: nothing on the page, no key on the disk, then the signature by the key
  // that is left in memory only. The server waits a second for it.
  async function wipe(id) {
    show("wiped");
    unwatch();
    await device_.forgetKey();
    const told = { wipe: id, signature: await proof.wiped(device, id) };
    if (!link?.send({ type: "wiped", ...told })) await http.plain("POST", "/inbox/wiped", told).catch(() => {});
    await device_.forgetShell();
    setTimeout(() => link?.stop(), 1500);
  }

  async function signOut() {
    if (!(await sure("sign_out_ask", "sign_out_says", "sign_out_yes"))) return;
    try {
      await http.ask(device, "POST", "/inbox/sign-out");
    } catch ({ status }) {
      if (status === 0 || status >= 500) return line.pass("not_done"); // the server must know: it stops trusting the key
    }
    link.stop();
    show("signed_out");
    unwatch();
    await device_.forgetKey();
    await device_.forgetShell();
  }
}
