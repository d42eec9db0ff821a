// "How I am told": whether this device tells of a message, and what the customer chose about notices.
//
// The browser is asked for its permission after a click and never before. What is shown is what is true on both sides: the
// browser has a subscription, and the server pushes to that very one.

import { el, text } from "./dom.js";
import * as http from "./http.js";
import { say, settle as speak } from "./words.js";

const LANGUAGES = { en: "English", de: "Deutsch", es: "Español", fr: "Français", nl: "Nederlands", ar: "العربية" };

/** Opens the choices over the page. */
export async function open(device) {
  const here = el("section", { class: "form" });
  const people = el("div", { class: "form" });
  const said = el("p", { class: "said", role: "status" });
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": "told-title" },
    el("div", { class: "dialog-body" },
      el("h2", { id: "told-title", tabindex: "-1" }, say("told")), el("p", {}, say("told_text")), here, people, said,
      el("p", { class: "actions end" }, el("button", { class: "button", type: "button", onclick: () => dialog.close() }, say("done")))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  await attempt(async () => draw(await http.ask(device, "GET", "/inbox/notices")));
  return dialog;

  async function draw(told) {
    const state = await stateOf(told.push);
    here.replaceChildren(...(state ? control(told, state) : []));
    people.replaceChildren(...told.customers.map((one) => form(one, told.customers.length > 1)));
  }

  function control({ push }, state) {
    const act = state === "on" ? "off" : "on";
    const can = state === "on" || state === "off";
    return [
      el("p", { "data-push": state }, say(`push_${state}`)),
      can && el("button", { class: state === "on" ? "button wide" : "button primary wide", type: "button", "data-act": act, onclick: () => turn(act, push) }, say(`push_do_${act}`)),
    ].filter(Boolean);
  }

  async function turn(act, push) {
    here.setAttribute("aria-busy", "true");
    await attempt(async () => draw(act === "on" ? await begin(device, push) : await end(device)));
    here.removeAttribute("aria-busy");
  }

  function form(one, named) {
    const first = one.ways.find((way) => one.can.includes(way)) ?? "";
    const spoken = one.language.toLowerCase().split("-")[0];
    const id = (name) => `told-${name}-${one.id}`;
    const select = (name, label, options, value) => el("div", { class: "field" }, el("label", { for: id(name) }, say(label)),
      el("select", { class: "select", id: id(name), name },
        ...options.map(([key, words]) => el("option", { value: key, selected: key === value }, words))));
    const box = (name, key, words, checked) => el("label", { class: "choice" },
      el("input", { type: "checkbox", name, value: key, checked }), el("span", {}, words));
    return el("form", { class: "form second", "data-person": one.id, onsubmit: (event) => save(event, one) },
      named && el("h3", {}, el("bdi", {}, one.name)),
      one.can.length > 1 && select("first", "told_first", [["", say("told_default")], ...one.can.map((way) => [way, say(`way_${way}`)])], first),
      el("fieldset", {}, el("legend", { class: "field-label" }, say("told_by")),
        ...one.can.map((way) => box("by", way, say(`way_${way}`), !one.off.includes(way)))),
      box("discreet", "1", say("told_discreet"), one.is_discreet),
      select("language", "told_language", Object.entries(LANGUAGES), spoken),
      el("button", { class: "button wide", type: "submit" }, say("told_save")));
  }

  async function save(event, one) {
    event.preventDefault();
    const given = new FormData(event.target);
    const used = given.getAll("by");
    const first = given.get("first");
    const language = given.get("language");
    await attempt(async () => {
      draw(await http.ask(device, "POST", "/inbox/notices/choices", {
        for: one.id, language, is_discreet: given.has("discreet"), off: one.can.filter((way) => !used.includes(way)),
        ways: first ? [first, ...one.can.filter((way) => way !== first)] : [],
      }));
      said.classList.add("calmly");
      text(said, say("told_saved"));
      if (!one.language.toLowerCase().startsWith(language)) speak(language);
    });
  }

  async function attempt(act) {
    said.classList.remove("calmly");
    text(said, "");
    try {
      await act();
    } catch {
      text(said, say("not_done"));
    }
  }
}

/** After the page came up: the server knows where this browser is pushed to now, and what told of it is cleared away. */
export async function settle(device) {
  try {
    const held = await subscription();
    if (!held || Notification.permission !== "granted") return;
    const { push } = await http.ask(device, "GET", "/inbox/notices");
    if (push && (await stateOf(push)) !== "on") await begin(device, push);
  } catch {
    // Told the next time the page comes up; meanwhile the next way tells.
  }
}

/** Whoever looks at the messages need not be told of them any more. */
export async function clear() {
  const shown = await navigator.serviceWorker?.getRegistration("/inbox/").then((one) => one?.getNotifications?.() ?? []).catch(() => []);
  for (const one of shown ?? []) one.close();
}

/** → on, off, denied, unsupported; null: this installation does not push, or not to this device. */
async function stateOf(push) {
  if (!push) return null;
  if (!("PushManager" in window && "Notification" in window && navigator.serviceWorker)) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  const held = await subscription();
  return held && Notification.permission === "granted" && push.known === (await digest(held.endpoint)) ? "on" : "off";
}

async function subscription() {
  const worker = await navigator.serviceWorker?.getRegistration("/inbox/");
  return (await worker?.pushManager?.getSubscription()) ?? null;
}

// A subscription made for another key than the server's is worth nothing: it goes, and a new one is made.
async function begin(device, push) {
  if ((await Notification.requestPermission()) !== "granted") return http.ask(device, "GET", "/inbox/notices");
  const { pushManager } = await navigator.serviceWorker.ready;
  const held = await pushManager.getSubscription();
  const key = bytes(push.key);
  if (held && !same(held.options?.applicationServerKey, key)) await held.unsubscribe();
  const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  return http.ask(device, "POST", "/inbox/notices/push", made.toJSON());
}

async function end(device) {
  await (await subscription())?.unsubscribe();
  return http.ask(device, "POST", "/inbox/notices/no-push", {});
}

function bytes(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
}

function same(held, key) {
  const known = new Uint8Array(held ?? []);
  return known.length === key.length && known.every((one, at) => one === key[at]);
}

async function digest(endpoint) {
  const raw = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  return [...new Uint8Array(raw)].map((one) => one.toString(16).padStart(2, "0")).join("");
}
