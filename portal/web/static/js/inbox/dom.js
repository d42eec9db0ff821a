// The only place that makes elements. Text goes in as text nodes: nothing a message says can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** el("p", {class: "x", hidden: true, onclick: f, dir: "auto"}, "text", child, null) */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Writes only when it differs: a live region announces every write. */
export function text(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

const SHAPES = {
  verified: ["M12 2.8l2.4 1.8 3-.1.9 2.9 2.5 1.7-1 2.9 1 2.9-2.5 1.7-.9 2.9-3-.1L12 21.2l-2.4-1.8-3 .1-.9-2.9-2.5-1.7 1-2.9-1-2.9 2.5-1.7.9-2.9 3 .1z", "M8.6 12.2l2.3 2.3 4.5-4.8"],
  sealed: ["M7 10.5V8a5 5 0 0 1 10 0v2.5", "M5.5 10.5h13v9h-13z"],
  send: ["M12 19V5.5", "M6 11.2l6-6 6 6"],
  reply: ["M9.5 6.5L4.5 11.5l5 5", "M4.5 11.5h9a6 6 0 0 1 6 6"],
  close: ["M6.5 6.5l11 11", "M17.5 6.5l-11 11"],
  more: ["M12 5.5v.01", "M12 12v.01", "M12 18.5v.01"],
  gone: ["M12 4a8 8 0 1 1-8 8", "M4.9 8.2v.01", "M8 5v.01"],
  recalled: ["M8.5 8.5H15a4.5 4.5 0 0 1 0 9H7", "M11 5.5l-3.3 3 3.3 3"],
  key: ["M14.5 9.5a4 4 0 1 0-3.3 3.9L13 15h2v2h2v2h3v-3l-5.7-5.2", "M9.7 8.7v.01"],
  clip: ["M19 11.5l-7.4 7.4a4.6 4.6 0 0 1-6.5-6.5l8-8a3.1 3.1 0 0 1 4.4 4.4l-8 8a1.5 1.5 0 0 1-2.2-2.2l7.4-7.4"],
  save: ["M12 4v11", "M7.5 10.5l4.5 4.5 4.5-4.5", "M5 19.5h14"],
  wave: ["M3 9c3 0 3 2 6 2s3-2 6-2 3 2 6 2", "M3 15c3 0 3 2 6 2s3-2 6-2 3 2 6 2"],
};

/** A line drawing in the colour of the text; said aloud by the words beside it, never by itself. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  for (const d of SHAPES[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
