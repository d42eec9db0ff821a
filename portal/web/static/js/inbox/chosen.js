// The files that go with what is being written: up as they are chosen, so that sending waits for nothing; in memory only.

import { announce } from "../ring.js";
import { el, icon, text } from "./dom.js";
import { say } from "./words.js";

const MOST = 5;
const MOST_BYTES = 10 * 1024 * 1024;

/** carry(file, {progress, signal}) → {id, name, type, bytes}; changed() after every change. */
export function create({ carry, changed }) {
  let chosen = []; // {node, stop, told?, failed?}
  const picker = el("input", { type: "file", multiple: true, hidden: true, accept: "image/png,image/jpeg,image/webp,image/gif,application/pdf", onchange: take });
  const button = el("button", { class: "button bare", type: "button", "aria-label": say("attach"), onclick: () => picker.click() }, icon("clip"));
  const node = el("ul", { class: "chosen", "aria-label": say("attached"), hidden: true });

  function take() {
    for (const file of [...picker.files]) add(file);
    picker.value = "";
  }

  function add(file) {
    const stop = new AbortController();
    const bar = el("progress", { max: "1", value: "0", "aria-label": file.name });
    const said = el("small", {});
    const fits = chosen.filter((one) => !one.failed).length < MOST && file.size <= MOST_BYTES;
    const item = { stop, failed: !fits, node: el("li", {}, el("bdi", {}, file.name), bar, said,
      el("button", { class: "button bare", type: "button", "aria-label": say("remove", { name: file.name }), onclick: () => remove(item) }, icon("close"))) };
    chosen.push(item);
    node.append(item.node);
    show();
    const coming = fits ? carry(file, { progress: (part) => { bar.value = part; }, signal: stop.signal }) : Promise.reject({});
    coming.then((told) => { item.told = told; }, ({ status }) => {
      item.failed = true;
      text(said, say(status === 0 || status >= 429 ? "not_done" : "file_limits"));
    }).then(() => {
      bar.remove();
      if (!chosen.includes(item)) return;
      announce(`${file.name}: ${item.failed ? said.textContent : say("attached")}`);
      show();
    });
  }

  function remove(item) {
    item.stop.abort();
    item.node.remove();
    chosen = chosen.filter((one) => one !== item);
    show();
    button.focus();
  }

  function show() {
    node.hidden = !chosen.length;
    changed();
  }

  return {
    node, button, picker,
    ready: () => chosen.filter((one) => one.told).map((one) => one.told),
    /** Something is on its way, or was refused and not taken out. */
    blocks: () => chosen.some((one) => !one.told),
    empty() {
      for (const one of chosen) one.stop.abort();
      chosen = [];
      node.replaceChildren();
      node.hidden = true;
    },
  };
}
