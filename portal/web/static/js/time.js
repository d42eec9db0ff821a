/*
 * <time datetime="ISO" data-relative>: "5 min ago", kept fresh; the exact time with its zone stays in the title.
 * <time datetime="ISO" data-local>: the exact time in the reader's own zone, with the server's wording kept in the title.
 * Without this script the page shows the server's words, which are exact.
 */
import { locale, now } from "./clock.js";

const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3600], ["minute", 60]];
const exact = (at, lang) =>
  new Intl.DateTimeFormat(locale(lang), { dateStyle: "medium", timeStyle: "long" }).format(at);

export function relative(at, lang = "en") {
  const seconds = (at - now()) / 1000;
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  const count = unit === "second" ? 0 : Math.trunc(seconds / size);
  // "last year" could be yesterday or 23 months ago: weeks and more are counted.
  const counted = size >= 604_800;
  const style = { numeric: counted ? "always" : "auto", style: counted ? "long" : "short" };
  return new Intl.RelativeTimeFormat(locale(lang), style).format(count, unit);
}

function show(node) {
  const at = Date.parse(node.dateTime);
  if (Number.isNaN(at)) return;
  const lang = node.closest("[lang]")?.lang || "en";
  node.dataset.server ??= node.textContent.trim();
  node.title = `${exact(at, lang)} · ${new Date(at).toISOString().slice(0, 19)}Z`;
  node.textContent = "local" in node.dataset ? exact(at, lang) : relative(at, lang);
}

export function refresh(root = document) {
  for (const node of root.querySelectorAll("time[data-relative], time[data-local]")) show(node);
}

refresh();
setInterval(refresh, 30_000);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
