// What a browser can be asked, and cannot be made, to do: words that were sealed are not taken out by a slip of the hand, and
// the reader's name lies over all of them where the business wants it. A screenshot, a photo and the browser's own tools do
// what they like; the docs say so.

import { el } from "./dom.js";

const GUARDED = ".bubble.guarded";
const LINES = 160; // fills a wide screen from edge to edge

/** Whatever would carry sealed words off: copying, cutting, dragging, the menu of a long press. */
export function watch(node) {
  for (const kind of ["copy", "cut", "dragstart", "contextmenu"]) node.addEventListener(kind, refuse);
}

function refuse(event) {
  const chosen = document.getSelection();
  const inside = event.target.closest?.(GUARDED);
  const across = [...document.querySelectorAll(GUARDED)].some((one) => chosen?.containsNode(one, true) && !chosen.isCollapsed);
  if (inside || (across && event.type !== "contextmenu")) event.preventDefault();
}

/** The reader's name over everything: drawn by the style sheet, so that it is no text to be read out, chosen or searched for. `name` empty: none. */
export function mark() {
  const node = el("div", { class: "watermark", "aria-hidden": "true", hidden: true });
  let known = "";
  return {
    node,
    show(name) {
      node.hidden = !name;
      if (name === known) return;
      known = name;
      node.replaceChildren(...Array.from({ length: name ? LINES : 0 }, () => el("bdi", { "data-name": name })));
    },
  };
}
