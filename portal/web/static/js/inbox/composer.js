// Where the customer writes: an answer to one message, or something new.

import { glimpse } from "./bubble.js";
import * as choosing from "./chosen.js";
import { el, icon, text } from "./dom.js";
import { say, when } from "./words.js";

const MOST = 48 * 1024; // bytes; a frame may have 64 KiB, and quoting adds to them

/** write({body, in_reply_to, attachments}) takes it away; what is typed lives in the field and dies with the page.
 *  carry: see chosen.js. */
export function create({ write, carry, tooLong }) {
  const what = el("bdi", {});
  const drop = el("button", { class: "button bare", type: "button", "aria-label": say("cancel"), onclick: forget }, icon("close"));
  const quote = el("p", { class: "answering", hidden: true }, icon("reply"), what, drop);
  const field = el("textarea", {
    class: "textarea", rows: "1", "aria-label": say("write"), placeholder: say("write"),
    autocomplete: "off", enterkeyhint: "enter", oninput: grow, onkeydown: keys,
  });
  const go = el("button", { class: "go", type: "submit", "aria-label": say("send"), disabled: true }, icon("send"));
  const files = choosing.create({ carry, changed: grow });
  const desk = el("p", { class: "desk", id: "desk", hidden: true });
  field.setAttribute("aria-describedby", "desk");
  const node = el("form", { class: "composer", onsubmit: send, hidden: true }, desk, quote, files.node, files.picker, files.button, field, go);
  let answering = null;

  function send(event) {
    event?.preventDefault();
    const body = field.value;
    if (!sendable()) return;
    if (new TextEncoder().encode(JSON.stringify(body)).length > MOST) return tooLong();
    write({ body: body.trim() ? body : "", in_reply_to: answering?.id ?? null, attachments: files.ready() });
    empty();
    field.focus();
  }

  // On a phone Enter is a new line; with a keyboard Ctrl or Command and Enter sends.
  function keys(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send(event);
    if (event.key === "Escape" && answering) forget();
  }

  const sendable = () => Boolean(field.value.trim() || files.ready().length) && !files.blocks();

  function grow() {
    go.disabled = !sendable();
    field.dir = field.value ? "auto" : ""; // an empty one shows words of the page, in the page's direction
    field.style.blockSize = "auto";
    field.style.blockSize = `${Math.min(field.scrollHeight + 2, 160)}px`;
  }

  function answer(message) {
    answering = message;
    text(what, say("answer_to", { what: glimpse(message) }));
    quote.hidden = false;
    field.focus();
  }

  function forget() {
    answering = null;
    quote.hidden = true;
    what.textContent = "";
  }

  /** The words of a message that ended must not live on in the strip above the field. */
  function ended(ids) {
    if (answering && ids.includes(answering.id)) {
      text(what, say("answer_to", { what: say("a_message") }));
      answering = { id: answering.id };
    }
  }

  function empty() {
    field.value = "";
    files.empty();
    forget();
    grow();
  }

  /** told: {opens_at (null: somebody reads now), emergency_number}. Beside the field, before anybody writes. */
  function tell(told) {
    const lines = [
      told.opens_at && say("closed_until", { time: when(told.opens_at) }),
      told.emergency_number && say("emergency", { number: told.emergency_number }),
    ].filter(Boolean);
    text(desk, lines.join(" "));
    desk.hidden = !lines.length;
  }

  return { node, tell, answer, ended, empty, show: (yes) => { node.hidden = !yes; } };
}
