// Formatted text, as the server made it of Markdown (`messaging/rules/markdown.py`), as nodes of this page.
//
// The server has sanitised it. Here it is parsed in a document of its own, where nothing loads and nothing runs, and only
// what stands on this list is built anew, with no attribute but those of a link: two mistakes are needed, not one.

import { inert } from "./trusted.js";

const KNOWN = new Set(["P", "BR", "HR", "STRONG", "EM", "CODE", "PRE", "BLOCKQUOTE", "UL", "OL", "LI", "H3", "H4"]);
const LEADS = /^(https:\/\/|tel:|mailto:)/;

/** → a fragment. */
export function rich(html) {
  const made = document.createDocumentFragment();
  copy(inert(html).body, made);
  return made;
}

function copy(from, to) {
  for (const child of from.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) to.append(child.data);
    else if (child.nodeType === Node.ELEMENT_NODE) copy(child, build(child, to));
  }
}

function build(child, to) {
  const node = make(child);
  if (!node) return to; // what is not known leaves its words
  to.append(node);
  return node;
}

function make(child) {
  if (child.tagName === "A") return link(child.getAttribute("href") ?? "");
  if (child.tagName === "SPAN" && child.className === "where") return where();
  if (!KNOWN.has(child.tagName)) return null;
  const node = document.createElement(child.tagName);
  if (node.tagName === "OL" && /^\d{1,9}$/.test(child.getAttribute("start") ?? "")) node.start = child.getAttribute("start");
  return node;
}

function link(href) {
  if (!LEADS.test(href)) return null;
  const node = document.createElement("a");
  Object.assign(node, { href, rel: "noopener noreferrer nofollow", target: "_blank" });
  return node;
}

// Where a link leads, said in the open: never turned around by the letters beside it.
function where() {
  const node = document.createElement("bdi");
  node.className = "where";
  node.dir = "ltr";
  return node;
}
