// "My devices": where else these messages are read, and the way to end one that was lost.

import { sure } from "./calm.js";
import { el, icon, text } from "./dom.js";
import * as http from "./http.js";
import { dated, say } from "./words.js";

const ACTS = ["lock", "sign-out", "wipe"];

/** Opens the list over the page. */
export async function open(device) {
  const list = el("ul", { class: "devices" });
  const said = el("p", { class: "said", role: "status" });
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": "devices-title" },
    el("div", { class: "dialog-body" },
      el("h2", { id: "devices-title" }, say("devices")), el("p", {}, say("devices_text")), list, said,
      el("p", { class: "actions end" }, el("button", { class: "button", type: "button", onclick: () => dialog.close() }, say("done")))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  await load();
  return dialog;

  async function load() {
    try {
      const { devices } = await http.ask(device, "GET", "/inbox/devices");
      list.replaceChildren(...devices.map((one) => row(one, end)));
    } catch {
      text(said, say("not_done"));
    }
  }

  async function end(act, one) {
    try {
      await http.ask(device, "POST", `/inbox/devices/${one.id}/${act}`);
    } catch {
      text(said, say("not_done"));
    }
    await load();
  }
}

/** One device, and what can be done to it: end(act, device) once whoever asks is sure. */
export function row(one, end) {
  const state = one.this ? "device_this" : `device_${one.state}`;
  const where = one.place && [one.place.zone.split("/").at(-1)?.replaceAll("_", " "), one.place.network].filter(Boolean).join(", ");
  const seen = one.seen_at ? dated("device_seen", one.seen_at, Date.now()) : "";
  return el("li", { "data-device": one.id, "data-state": one.state },
    el("p", {}, el("b", {}, el("bdi", {}, one.name)), " ", el("span", { class: "badge" }, say(state))),
    el("p", { class: "soft" }, seen, seen && where && " · ", where && el("bdi", {}, where)),
    one.can_end && !one.this && el("p", { class: "acts" }, ...ACTS.filter((act) => fits(act, one)).map((act) =>
      el("button", { class: "act", type: "button", "data-act": act, onclick: () => asked(act, one, end) },
        icon(act === "lock" ? "sealed" : "close"), say(`device_do_${act}`)))));
}

async function asked(act, one, end) {
  if (act === "lock" || (await sure(`device_ask_${act}`, `device_says_${act}`, `device_do_${act}`))) await end(act, one);
}

const fits = (act, one) => (act === "lock" ? one.state === "active" : act === "wipe" ? one.state !== "wiping" : true);
