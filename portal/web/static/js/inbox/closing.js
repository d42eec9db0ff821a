// The line that says when the business closes this inbox (decision 18), and leads to where a copy is made before.

import { el, text } from "./dom.js";
import { day, say } from "./words.js";

/** save(): goes there. → {node, tell(at, now)}. `at` null: nobody closes it; gone by: something stops it, so no day is promised. */
export function create(save) {
  const words = el("p", { role: "status" });
  const node = el("div", { class: "closing", hidden: true }, words,
    el("button", { class: "act", type: "button", onclick: save }, say("own_copy_do")));

  function tell(at, now) {
    node.hidden = !at;
    text(words, at ? say(Date.parse(at) > now ? "closing_on" : "closing_soon", { date: day(at) }) : "");
  }

  return { node, tell };
}
