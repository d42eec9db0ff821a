// One message on the screen: sealed, open, or the line that stays after its end.

import { rich } from "../rich.js";
import { el, icon } from "./dom.js";
import * as attached from "./files.js";
import { fromBusiness } from "./store.js";
import { BUSINESS, dated, day, duration, exact, region, say, time } from "./words.js";

/** acts: {open(id), extend(id), reply(message), say(message, words), picture(message, file), save(message, file)}; `answered`: the
 *  message this one answers, if it is still here; `replied`: the customer answered it, here or elsewhere. */
export function bubble(message, { acts, busy, answered, replied, now }) {
  const theirs = fromBusiness(message);
  const sealed = theirs && message.body === null;
  return el("article", { class: `bubble ${theirs ? "theirs" : "mine"}${message.tap_to_reveal ? " guarded" : ""}`, tabindex: "-1", "data-id": message.id },
    theirs ? sender(message) : el("span", { class: "visually-hidden" }, say("you")),
    message.in_reply_to && quote(answered),
    message.subject && !sealed && el("h3", { class: "subject", dir: "auto" }, message.subject),
    sealed ? seal(message, acts, busy) : message.html ? formatted(message.html) : message.body && words(message.body),
    !sealed && files(message, acts),
    theirs && !replied && answers(message, acts),
    times(message, now, theirs),
    theirs && !sealed && actions(message, acts, busy));
}

/** What stays: that there was a message and when it ended. Never a blank, never its words. */
export function tombstone(one, now) {
  const recalled = /recall/.test(one.reason ?? "");
  const mine = one.direction && !fromBusiness(one);
  const key = recalled ? "recalled" : mine ? "yours_expired" : "expired";
  return el("p", { class: "tombstone", tabindex: "-1", "data-id": one.id, title: exact(one.ended_at) },
    icon(recalled ? "recalled" : "gone"), el("span", {}, dated(key, one.ended_at, now)));
}

/** Many endings in one line, each still told inside. */
export function fan(many, now) {
  return el("details", { class: "fan" },
    el("summary", { class: "tombstone" }, icon("gone"), el("span", {}, say("more_ended", { count: many.length }))),
    ...many.map((one) => tombstone(one, now)));
}

/** What was written and is not in a state yet. */
export function draft(one, acts) {
  const key = { sending: "sending", waiting: "waiting", accepted: "received", unsure: "unsure" }[one.state];
  const left = { waiting: ["discard"], unsure: ["retry", "discard"] }[one.state];
  return el("article", { class: `bubble mine ${one.state}` },
    el("span", { class: "visually-hidden" }, say("you")),
    one.body && words(one.body),
    ...one.attachments.map((file) => el("p", { class: "file" }, el("bdi", {}, file.name))),
    el("p", { class: "times" }, say(key)),
    left && el("p", { class: "acts" }, ...left.map((act) => button(act, () => acts[act](one)))));
}

// Byte for byte: no markup is read, no link is made; a direction override in it ends where the words end.
function words(body) {
  return el("p", { class: "words", dir: "auto" }, body ?? "");
}

// Markdown, as the server made it: see rich.js.
function formatted(html) {
  return el("div", { class: "words rich", dir: "auto" }, rich(html));
}

// Characters that turn the direction of writing: a body keeps its bytes, a name may not be turned into another.
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

// The business's name stands in the head of the page, from the server's own word. Whoever writes for it is named here
// only when that is someone else, kept apart from the text around it.
function sender(message) {
  const plain = (message.from ?? "").replace(TURNS, "");
  const name = plain && plain !== BUSINESS ? plain : null;
  return el("p", { class: name ? "sender" : "visually-hidden" }, el("bdi", {}, name ?? BUSINESS));
}

function quote(answered) {
  const open = answered && answered.body !== null;
  return el("p", { class: "quote" }, icon("reply"),
    el("bdi", {}, open ? glimpse(answered) : say("answer_to", { what: say("a_message") })));
}

export function glimpse(message) {
  const line = (message.subject || message.body || message.attachments?.[0]?.name || "").trim().split("\n", 1)[0];
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

function seal(message, acts, busy) {
  const opening = busy.has(message.id);
  const lasts = message.gone_after_read;
  const then = lasts ? say("tap_then", { time: duration(String(lasts)) }) : say("tap");
  return el("button", {
    class: "seal", type: "button", "data-act": "open", "aria-busy": opening ? "true" : null,
    onclick: () => acts.open(message.id),
  }, icon("sealed"), el("b", {}, say("sealed")), el("span", {}, opening ? say("opening") : then));
}

// What the business offers as an answer: an ordinary reply, in one tap.
function answers(message, acts) {
  if (!message.answers?.length) return null;
  return el("p", { class: "answers", role: "group", "aria-label": say("answers") }, ...message.answers.map((words, at) =>
    el("button", { class: "button", type: "button", dir: "auto", "data-act": `say ${at}`, onclick: () => acts.say(message, words) }, words)));
}

function files(message, acts) {
  if (!message.attachments?.length) return null;
  return el("div", { class: "files" }, ...message.attachments.map((file) =>
    attached.isPicture(file) ? pictured(message, file, acts) : saved(message, file, acts)));
}

// A picture stands where it was sent; until it is here its name stands for it.
function pictured(message, file, acts) {
  const box = el("figure", { class: "picture" }, el("figcaption", { dir: "auto" }, file.name));
  const put = (url) => box.prepend(el("img", { src: url, alt: file.name, draggable: "false" }));
  const there = attached.known(message, file);
  if (there) put(there);
  else acts.picture(message, file).then(put, () => box.classList.add("missing"));
  return box;
}

function saved(message, file, acts) {
  const size = new Intl.NumberFormat(region, { style: "unit", unit: "kilobyte" }).format(Math.max(1, Math.round(file.bytes / 1024)));
  return el("p", { class: "file" },
    el("button", { class: "act", type: "button", "data-act": `save ${file.id}`, onclick: () => acts.save(message, file) },
      icon("save"), el("bdi", {}, file.name), el("small", {}, size)),
    el("small", { class: "stays" }, say("saved_stays")));
}

// Both clocks on every message (I10): when it leaves here, and at least until when the business keeps it.
function times(message, now, theirs) {
  const kept = message.archived_until ? say("kept_until", { date: day(message.archived_until) }) : say("kept");
  const here = message.gone_at ? dated("gone", message.gone_at, now) : say("not_kept_here");
  return el("footer", { class: "times" },
    el("p", { class: "now" },
      el("time", { datetime: message.sent_at, title: exact(message.sent_at) }, time(message.sent_at)),
      !theirs && el("span", {}, say(message.state === "read" ? "seen" : "received")),
      message.gone_at && el("span", { class: "left", "aria-live": "off" }, ring(message, theirs))),
    el("p", { class: "clocks-line" }, `${here} · ${kept}`));
}

function ring(message, theirs) {
  return el("ebb-ring", {
    "data-from": begin(message), "data-until": message.gone_at, "data-size": "small", "data-quiet": !theirs,
    "data-gone-words": say("expired_at", { time: time(message.gone_at) }),
  });
}

// Once opened, the ring counts the time since it was opened, not since it was sent.
function begin(message) {
  if (!message.gone_after_read || message.body === null) return message.sent_at;
  const timed = new Date(Date.parse(message.gone_at) - message.gone_after_read * 1000).toISOString();
  return message.revealed_at ?? (timed > message.sent_at ? timed : message.sent_at);
}

function actions(message, acts, busy) {
  const asking = busy.has(message.id);
  return el("p", { class: "acts" },
    button("reply", () => acts.reply(message), "reply"),
    message.can_extend && button(asking ? "extending" : "extend", () => acts.extend(message.id), null, asking));
}

function button(key, act, picture, pressed) {
  return el("button", { class: "act", type: "button", "data-act": key, onclick: act, "aria-busy": pressed ? "true" : null },
    picture && icon(picture), say(key));
}
