// The thread: who this device serves, the log of messages, the line about the connection.
//
// Nodes are kept by id and replaced only when what they show has changed: the log is a live region, and a screen
// reader says each thing that is put into it.

import { bubble, draft, fan, tombstone } from "./bubble.js";
import { el, icon, text } from "./dom.js";
import * as store from "./store.js";
import { heading, say } from "./words.js";
import * as clock from "./clock.js";

const LINES = 3; // endings in a row that stand by themselves

/** acts: see bubble.js, and {earlier(), choose(customer)}. `above`: what stands over it all. → what main.js steers. */
export function create(acts, above) {
  const people = el("div", { class: "persons", role: "group", "aria-label": say("whose"), hidden: true });
  const earlier = el("button", { class: "button quiet earlier", type: "button", hidden: true, onclick: acts.earlier }, say("earlier"));
  const log = el("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": say("messages"), tabindex: "-1" });
  const nothing = el("div", { class: "nothing", hidden: true },
    icon("wave"), el("h2", {}, say("empty_title")), el("p", {}, say("empty_text")));
  const waiting = el("p", { class: "waiting" }, say("loading"));
  const room = el("div", { class: "room" }, earlier, waiting, nothing, log);
  const node = el("div", { class: "thread-view" }, above, people, room);
  const shown = new Map(); // key → {node, stamp}
  let chosen = null;
  let known = ""; // the row of people as it stands

  function render({ busy, drafts, loaded }) {
    const now = clock.now();
    const all = persons();
    if (!all.some((one) => one.id === chosen)) chosen = all[0]?.id ?? null;
    showPeople(all);
    const replied = new Set([...store.live().filter((m) => !store.fromBusiness(m)), ...drafts].map((one) => one.in_reply_to));
    const rows = lay(fold(list(drafts)), { acts, busy, replied, now });
    const stick = nearEnd() || !shown.size;
    log.setAttribute("aria-busy", String(!loaded));
    place(rows);
    waiting.hidden = loaded;
    nothing.hidden = !loaded || rows.length > 0;
    earlier.hidden = !store.more;
    if (stick) toEnd();
    return [...shown.values()].map((one) => one.node);
  }

  const mine = (one) => !one.for || one.for === chosen;

  // Everything of the chosen person in the order of its time: {key, at, stamp, make}.
  function list(drafts) {
    const live = store.live().filter(mine).map((m) => ({ key: m.id, at: Date.parse(m.sent_at), message: m }));
    const over = store.endings().filter(mine).map((e) => ({ key: e.id, at: Date.parse(e.sent_at ?? e.ended_at), ended: e }));
    const wrote = drafts.filter(mine).map((d) => ({ key: d.key, at: Infinity, draft: d }));
    return [...live, ...over, ...wrote].sort((a, b) => a.at - b.at || (a.key < b.key ? -1 : 1));
  }

  // A long row of endings is one line that opens: what ended stays told, what lives stays in sight.
  function fold(items) {
    const folded = [];
    for (let at = 0; at < items.length;) {
      let to = at;
      while (to < items.length && items[to].ended) to += 1;
      const many = to - at - LINES;
      if (many > 1) folded.push({ key: `fold ${items[at].key}`, at: items[at].at, folded: items.slice(at, at + many) });
      const from = many > 1 ? at + many : at;
      folded.push(...items.slice(from, Math.max(to, at + 1)));
      at = Math.max(to, at + 1);
    }
    return folded;
  }

  function lay(items, context) {
    const rows = [];
    let last = "";
    for (const item of items) {
      const title = heading(item.at === Infinity ? context.now : item.at, context.now);
      if (title !== last) rows.push({ key: `day ${title}`, stamp: title, make: () => el("h2", { class: "day" }, title) });
      last = title;
      rows.push(row(item, context));
    }
    return rows;
  }

  function row({ key, message, ended, folded, draft: written }, context) {
    if (folded) return { key, stamp: `folded ${folded.length}`, make: () => fan(folded.map((one) => one.ended), context.now) };
    if (ended) return { key, stamp: `ended ${ended.ended_at} ${ended.reason}`, make: () => tombstone(ended, context.now) };
    if (written) return { key, stamp: written.state, make: () => draft(written, acts) };
    const answered = message.in_reply_to ? store.get(message.in_reply_to) : null;
    const { heard, ...told } = message;
    const replied = context.replied.has(key);
    const stamp = JSON.stringify([told, context.busy.has(key), answered?.body ?? null, replied]);
    return { key, stamp, make: () => bubble(message, { ...context, answered, replied }) };
  }

  function place(rows) {
    const keys = new Set(rows.map((one) => one.key));
    for (const [key, { node: old }] of shown) if (!keys.has(key)) drop(key, old);
    let before = log.firstChild;
    for (const { key, stamp, make } of rows) {
      const known = shown.get(key);
      let now = known?.node;
      if (!known || known.stamp !== stamp) {
        const fresh = make();
        if (now) swap(now, fresh);
        if (now === before) before = fresh;
        now = fresh;
        shown.set(key, { node: now, stamp });
      }
      if (now === before) before = before.nextSibling;
      else log.insertBefore(now, before);
    }
  }

  // Whoever stood on a message by keyboard stays where it was: on the same button, or on the line that replaced it.
  function swap(old, fresh) {
    const act = old.contains(document.activeElement) ? document.activeElement.dataset.act ?? "" : null;
    old.replaceWith(fresh);
    if (act !== null) (fresh.querySelector(`[data-act="${act}"]`) ?? fresh).focus({ preventScroll: true });
  }

  function drop(key, old) {
    if (old.contains(document.activeElement)) log.focus({ preventScroll: true });
    old.remove();
    shown.delete(key);
  }

  function showPeople(all) {
    people.hidden = all.length < 2;
    const stamp = JSON.stringify([all, chosen]);
    if (known === stamp) return;
    known = stamp;
    const held = people.contains(document.activeElement);
    people.replaceChildren(...all.map((one) => el("button", {
      class: "person", type: "button", "aria-pressed": String(one.id === chosen), onclick: () => choose(one.id),
    }, el("bdi", {}, one.name || say("me")))));
    if (held) people.querySelector("[aria-pressed=true]")?.focus();
  }

  function choose(id) {
    chosen = id;
    acts.choose(id);
    toEnd();
  }

  // A keyboard, a banner or a longer draft takes room from below: whoever was at the end stays there.
  let atEnd = true;
  room.addEventListener("scroll", () => { atEnd = nearEnd(); }, { passive: true });
  new ResizeObserver(() => atEnd && toEnd()).observe(room);

  const nearEnd = () => room.scrollHeight - room.scrollTop - room.clientHeight < 120;
  const toEnd = () => { room.scrollTop = room.scrollHeight; };

  function empty() {
    log.replaceChildren();
    people.replaceChildren();
    known = "";
    shown.clear();
    people.hidden = nothing.hidden = earlier.hidden = true;
    waiting.hidden = false;
  }

  return { node, room, render, empty, toEnd, person: () => chosen };
}

// The server says whom this device serves; without that, the messages do.
function persons() {
  if (store.customers.length) return store.customers;
  const ids = new Set(store.live().map((message) => message.for));
  return [...ids].filter(Boolean).map((id) => ({ id, name: "" }));
}

/** The line under the head: quiet while all is well. A hiccup of a second is not worth a word. */
export function banner() {
  const node = el("p", { class: "line", role: "status", hidden: true });
  let timer = 0;
  let passing = 0;
  let standing = "";

  function show(key) {
    standing = key;
    clearTimeout(timer);
    if (passing) return;
    if (!key) node.hidden = true;
    else timer = setTimeout(put, key === "connecting" ? 1200 : 0, key);
  }

  /** Whether it tells of trouble just now. */
  const shown = () => Boolean(standing) && !node.hidden;

  function put(key) {
    text(node, say(key));
    node.dataset.kind = key;
    node.hidden = false;
  }

  /** Says one thing for a few seconds, then what stood there before. */
  function pass(key) {
    clearTimeout(passing);
    put(key);
    passing = setTimeout(() => {
      passing = 0;
      show(standing);
    }, 6000);
  }

  return { node, show, pass, shown };
}
