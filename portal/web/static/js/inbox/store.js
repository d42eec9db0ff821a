// What the page knows, in memory only. It dies with the tab, with `clear()`, and message by message at each end.
//
// A state says everything (or, with `more`, everything down to its oldest message). A frame that arrived after the
// question for a state left is newer than that state and survives it.

import * as clock from "./clock.js";

const messages = new Map(); // id → M, with `heard` (performance.now() of the last frame that told it)
const ended = new Map(); // id → {id, ended_at, reason, for?, sent_at?, direction?}
const buried = new Set(); // ids the server called gone: a slower answer must not bring one back
export let customers = []; // [{id, name}] whom this device serves
export let more = null; // cursor for what is older

export const fromBusiness = (message) => message.direction === "in";
export const live = () => [...messages.values()];
export const get = (id) => messages.get(id);
export const endings = () => [...ended.values()];

/** A whole state, asked for at `asked`. `fresh`: a new connection, whose word replaces everything. */
export function apply(state, asked, fresh) {
  if (fresh) buried.clear();
  const told = new Set(state.messages.map((message) => message.id));
  const oldest = state.more ? Math.min(...state.messages.map((m) => Date.parse(m.sent_at))) : -Infinity;
  for (const [id, known] of messages) {
    const covered = Date.parse(known.sent_at) >= oldest;
    if (!told.has(id) && covered && (fresh || known.heard < asked)) end(id, known.gone_at, "expired");
  }
  if (state.customers) customers = state.customers;
  if (!messages.size || !state.more) more = state.more ?? null;
  for (const one of state.ended ?? []) end(one.id, one.ended_at, one.reason, one);
  for (const message of state.messages) put(message, asked);
}

/** An older page of the same state. */
export function extend(page) {
  more = page.more ?? null;
  for (const one of page.ended ?? []) end(one.id, one.ended_at, one.reason, one);
  for (const message of page.messages) if (!messages.has(message.id)) put(message, 0);
}

/** A message that came or changed. → whether it is shown. */
export function put(message, heard = performance.now()) {
  const known = messages.get(message.id);
  if (buried.has(message.id) || over(message)) return false;
  if (known && known.heard > heard) return false;
  // A state read before a reveal was stored still says null: what the device was already given stays.
  const given = message.body === null && known?.body ? words(known) : {};
  messages.set(message.id, { ...message, ...given, heard });
  ended.delete(message.id);
  return true;
}

/** The server said these are gone, whatever our clock says. */
export function gone(ids, reason) {
  for (const id of ids) {
    buried.add(id);
    end(id, messages.get(id)?.gone_at, reason);
  }
}

/** Ends what our own clock says is over. → ids. Needs no server and no network (I1). */
export function expire() {
  const passed = live().filter(over);
  for (const message of passed) end(message.id, message.gone_at, "expired");
  return passed.map((message) => message.id);
}

/** Milliseconds to the next end, or null when nothing ends. */
export function nextEnd() {
  const times = live().filter((m) => m.gone_at).map((m) => Date.parse(m.gone_at));
  return times.length ? Math.max(0, Math.min(...times) - clock.now()) : null;
}

export function clear() {
  messages.clear();
  ended.clear();
  buried.clear();
  customers = [];
  more = null;
}

function words({ subject, body, html, answers, attachments }) {
  return { subject, body, html, answers, attachments };
}

function over(message) {
  return Boolean(message.gone_at) && Date.parse(message.gone_at) <= clock.now();
}

// Keeps the line, not the message: where it stood and when it ended.
function end(id, at, reason, told = {}) {
  const known = { ...(messages.get(id) ?? ended.get(id)), ...told };
  const when = Math.min(at ? Date.parse(at) : Infinity, clock.now());
  messages.delete(id);
  ended.set(id, {
    id, reason, ended_at: new Date(when).toISOString(),
    for: known.for, sent_at: known.sent_at, direction: known.direction,
  });
}
