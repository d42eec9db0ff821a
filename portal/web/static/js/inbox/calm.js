// The page when there is nothing to show: locked, cleared, replaced, out of touch, signed out.

import { el, icon } from "./dom.js";
import { say } from "./words.js";

const PICTURES = { enrol_over: "key", locked: "sealed", wiped: "wave", signed_out: "wave", unknown: "key", revoked: "key", silent: "gone", old: "key" };

/** kind: a key of PICTURES. `way`: what can be done, {key, href} or {key, act}. Takes the focus, so that it is read. */
export function calm(kind, way = null) {
  const title = el("h2", { tabindex: "-1" }, say(`${kind}_title`));
  const node = el("section", { class: "calm", "data-calm": kind },
    icon(PICTURES[kind]), title, el("p", {}, say(`${kind}_text`)), way && door(way));
  queueMicrotask(() => title.focus({ preventScroll: true }));
  return node;
}

function door({ key, href, act }) {
  return href
    ? el("a", { class: "button primary", href }, say(key))
    : el("button", { class: "button", type: "button", onclick: act }, say(key));
}

/** Asks before something that cannot be undone. → a promise of yes or no. */
export function sure(title, words, yes) {
  return new Promise((answer) => {
    const dialog = el("dialog", { class: "dialog", "aria-labelledby": "sure" },
      el("form", { class: "dialog-body", method: "dialog" },
        el("h2", { id: "sure" }, say(title)), el("p", {}, say(words)),
        el("p", { class: "actions end" },
          el("button", { class: "button", value: "no", autofocus: true }, say("cancel")),
          el("button", { class: "button danger solid", value: "yes" }, say(yes)))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
