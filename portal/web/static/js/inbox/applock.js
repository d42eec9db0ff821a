// The app lock: a PIN or a passkey opens the page after a rest, and on coming back to it. The server counts both the
// tries and the rest; this page covers itself a little earlier.

import * as webauthn from "../webauthn.js";
import { el, icon, text } from "./dom.js";
import * as http from "./http.js";
import * as pass from "./pass.js";
import { digits, say } from "./words.js";

const AWAY = 10_000; // ms: who looks at another app for longer comes back to a closed page
const TELL = 30_000; // how often the server hears that somebody is there

/** Calls rest() after `after` seconds without a touch or on coming back, and here() now and then while there are touches. */
export function watch({ after, rest, here }) {
  const ending = new AbortController();
  const { signal } = ending;
  let touched = Date.now();
  let told = 0;
  let left = 0;

  function touch() {
    touched = Date.now();
    if (touched - told < TELL) return;
    told = touched;
    here();
  }
  for (const kind of ["pointerdown", "keydown", "wheel", "touchmove"]) addEventListener(kind, touch, { signal, passive: true });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") left = Date.now();
    else if (left && Date.now() - left >= AWAY) rest();
  }, { signal });
  const timer = setInterval(() => Date.now() - touched >= after * 1000 && rest(), 1_000);
  signal.addEventListener("abort", () => clearInterval(timer));
  return () => ending.abort();
}

/** The page while it is closed. cover: {lock, tries_left, credential?}; opened() once the server has given a pass. */
export function cover(device, told, opened) {
  if (told.lock === "none") return settings(device, { kind: "none", required: true }, opened);
  const said = el("p", { class: "said", role: "alert" });
  const title = el("h2", { tabindex: "-1" }, say("covered_title"));
  const byPin = told.lock === "pin";
  const go = el("button", { class: "button primary wide", type: "submit" }, say(byPin ? "pin_open" : "passkey_open"));
  const form = el("form", { class: "form", autocomplete: "off", onsubmit: send },
    byPin && pinField("pin_label"), said, go);
  const node = el("section", { class: "calm", "data-calm": "covered" }, icon("sealed"), title,
    el("p", {}, say("covered_text")), form);
  queueMicrotask(() => (form.elements.pin ?? title).focus({ preventScroll: true }));

  async function send(event) {
    event.preventDefault();
    text(said, "");
    go.setAttribute("aria-busy", "true");
    try {
      const value = byPin ? { pin: digits(form.elements.pin.value) } : await assert(told.credential);
      pass.set((await http.ask(device, "POST", "/inbox/open", value)).pass);
      opened();
    } catch (problem) {
      explain(problem);
    }
    go.setAttribute("aria-busy", "false");
  }

  function explain({ code, status, problem }) {
    if (form.elements.pin) form.elements.pin.value = "";
    if (code === "wrong_pin") text(said, say("pin_wrong", { count: problem.tries_left }));
    else if (status === 0) text(said, say("no_link"));
    else if (/^device_/.test(code)) opened(); // locked or ended meanwhile: the server says it at the door
    else text(said, say("passkey_failed"));
  }
  return node;
}

/** Where a lock is set, changed or taken off. lock: {kind, required}. done() when the server knows. */
export function settings(device, lock, done) {
  const said = el("p", { class: "said", role: "alert" });
  const form = el("form", { class: "form", autocomplete: "off", onsubmit: (event) => save(event, byPin) },
    pinField("lock_new_pin"), said, el("button", { class: "button primary wide", type: "submit" }, say("lock_pin")));
  const node = el("section", { class: "sheet", "data-lock": lock.kind },
    el("h2", { tabindex: "-1" }, say("lock_title")),
    el("p", { class: "lede" }, say(lock.required ? "lock_required" : "lock_text")), form,
    window.PublicKeyCredential && el("button", { class: "button wide", type: "button", "data-act": "passkey", onclick: (event) => save(event, byPasskey) }, say("lock_passkey")),
    lock.kind !== "none" && !lock.required &&
      el("button", { class: "button wide", type: "button", "data-act": "off", onclick: (event) => save(event, byNothing) }, say("lock_off")));
  const byPin = async () => ({ pin: digits(form.elements.pin.value) });
  const byPasskey = make;
  const byNothing = async () => ({ lock: "none" });

  async function save(event, how) {
    event.preventDefault();
    text(said, "");
    try {
      pass.set((await http.ask(device, "POST", "/inbox/lock", await how())).pass);
      done();
    } catch ({ code }) {
      text(said, say(code === "bad_pin" ? "lock_bad_pin" : "passkey_failed"));
    }
  }
  return node;
}

function pinField(label) {
  return el("div", { class: "field" }, el("label", { for: "pin" }, say(label)),
    el("input", { id: "pin", name: "pin", type: "password", inputmode: "numeric", dir: "ltr", minlength: "6", maxlength: "12", required: true, autocomplete: "off" }));
}

const nonce = async () => (await http.plain("GET", "/inbox/nonce")).nonce;

async function make() {
  return webauthn.create(await nonce(), { id: crypto.getRandomValues(new Uint8Array(16)), name: location.hostname });
}

const assert = async (credential) => webauthn.get(await nonce(), [credential]);
