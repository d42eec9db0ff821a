/*
 * <ebb-ring data-from="ISO" data-until="ISO">: a thin ring that ebbs, and the time left in words.
 *
 * Attributes   data-from, data-until   the life it shows, ISO 8601 with a zone
 *              data-quiet              do not announce (a row in a list)
 *              data-gone-words         what stands there at the end; default "Expired at 14:02"
 *              data-size="large"       see components.css; large puts the words inside
 * Events       ebb:gone                once, bubbling, at the end (also if the end had passed when the page opened)
 * Language     follows the nearest lang attribute; numbers by Intl.
 *
 * The server renders the words too, so a page without scripts says the same. Announcements come at one minute and at ten
 * seconds, politely, not each second (WCAG 2.2.1, 4.1.3).
 */
import { locale, now, sync } from "./clock.js";

const SVG = "http://www.w3.org/2000/svg";
const THRESHOLDS = [10_000, 60_000];
const WORDS = {
  en: { left: "{t} left", gone: "Expired at {t}", soon: "This message disappears in {t}" },
  de: { left: "noch {t}", gone: "Abgelaufen um {t}", soon: "Diese Nachricht verschwindet in {t}" },
  es: { left: "quedan {t}", gone: "Caducó a las {t}", soon: "Este mensaje desaparece en {t}" },
  fr: { left: "encore {t}", gone: "Expiré à {t}", soon: "Ce message disparaît dans {t}" },
  nl: { left: "nog {t}", gone: "Verlopen om {t}", soon: "Dit bericht verdwijnt over {t}" },
  ar: { left: "متبقٍ {t}", gone: "انتهت الصلاحية في {t}", soon: "تختفي هذه الرسالة خلال {t}" },
};
const UNITS = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1000]];

const words = (lang) => WORDS[lang.split("-")[0].toLowerCase()] ?? WORDS.en;

/* Counts in the largest unit with at least two of it ("36 h left", not "1 day left"), except the last. */
export function duration(ms, lang = "en", unitDisplay = "short") {
  const [unit, size] = UNITS.find(([, each]) => ms >= 2 * each) ?? UNITS.at(-1);
  const count = unit === "second" ? Math.max(1, Math.ceil(ms / size)) : Math.floor(ms / size);
  return new Intl.NumberFormat(lang, { style: "unit", unit, unitDisplay }).format(count);
}

export function timeLeft(ms, lang = "en") {
  return words(lang).left.replace("{t}", duration(ms, lang));
}

/* "Expired at 14:02", with the day when it was not today. */
export function expiredAt(until, lang = "en") {
  const sameDay = new Date(until).toDateString() === new Date(now()).toDateString();
  const style = sameDay ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return words(lang).gone.replace("{t}", new Intl.DateTimeFormat(locale(lang), style).format(until));
}

let region;
/* The one polite live region of the page. */
export function announce(text) {
  region ??= document.querySelector("[data-announcer]");
  if (!region) {
    region = document.createElement("div");
    region.className = "visually-hidden";
    region.setAttribute("role", "status");
    region.dataset.announcer = "";
    document.body.append(region);
  }
  region.textContent = text;
}

const rings = new Set();
let timer = 0;
let asked = false;

/* Fifty rings of a list that appear at once are drawn once. */
function soon() {
  if (asked) return;
  asked = true;
  queueMicrotask(() => {
    asked = false;
    tick();
  });
}

/* One timer for all rings, only as fast as the nearest end needs. */
function tick() {
  clearTimeout(timer);
  let nearest = Infinity;
  for (const ring of [...rings]) nearest = Math.min(nearest, ring.draw());
  if (!rings.size) return;
  const pause = nearest <= 120_000 ? 1000 : nearest <= 7_200_000 ? 10_000 : 60_000;
  // Aim just behind the second's edge, so that the words change when the figure does.
  const edge = nearest % 1000 || 1000;
  timer = setTimeout(tick, nearest <= 120_000 ? Math.min(edge, nearest) + 5 : Math.min(pause, nearest - 119_000));
}

function draw(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export class EbbRing extends HTMLElement {
  static observedAttributes = ["data-from", "data-until"];

  connectedCallback() {
    if (!this.querySelector("svg")) this.prepend(this.picture());
    this.label = this.querySelector(".ring-words");
    if (!this.label) {
      this.label = document.createElement("span");
      this.label.className = "ring-words";
      this.append(this.label);
    }
    this.arc = this.querySelector(".ring-arc");
    this.read();
  }

  disconnectedCallback() {
    rings.delete(this);
  }

  attributeChangedCallback() {
    if (this.arc) this.read();
  }

  get lang_() {
    return this.closest("[lang]")?.lang || "en";
  }

  picture() {
    const svg = draw("svg", { viewBox: "0 0 24 24", class: "ring-svg", "aria-hidden": "true", focusable: "false" });
    const circle = { cx: 12, cy: 12, r: 10, fill: "none", pathLength: 100 };
    svg.append(draw("circle", { ...circle, class: "ring-track" }), draw("circle", { ...circle, class: "ring-arc" }));
    return svg;
  }

  read() {
    this.from = Date.parse(this.dataset.from);
    this.until = Date.parse(this.dataset.until);
    this.ended = false;
    if (Number.isNaN(this.until)) return;
    if (Number.isNaN(this.from)) this.from = now();
    this.heard = this.until - now();
    rings.add(this);
    soon();
  }

  /* Draws this moment; returns the milliseconds left. */
  draw() {
    const left = this.until - now();
    if (left <= 0) return this.end();
    const share = Math.min(1, left / Math.max(1, this.until - this.from));
    this.arc?.style.setProperty("stroke-dashoffset", String(100 - share * 100));
    this.toggleAttribute("data-low", left <= 60_000 || share <= 0.1);
    const text = timeLeft(left, this.lang_);
    if (this.label.textContent !== text) this.label.textContent = text;
    this.speak(left);
    return left;
  }

  speak(left) {
    const passed = THRESHOLDS.find((at) => left <= at && this.heard > at);
    this.heard = left;
    if (!passed || this.hasAttribute("data-quiet")) return;
    announce(words(this.lang_).soon.replace("{t}", duration(left, this.lang_, "long")));
  }

  end() {
    rings.delete(this);
    if (this.ended) return Infinity;
    this.ended = true;
    this.setAttribute("data-ended", "");
    this.removeAttribute("data-low");
    this.arc?.style.setProperty("stroke-dashoffset", "100");
    this.label.textContent = this.dataset.goneWords ?? expiredAt(this.until, this.lang_);
    // Listeners that are attached later in the same turn still hear it.
    queueMicrotask(() => this.dispatchEvent(new CustomEvent("ebb:gone", { bubbles: true, detail: { until: this.until } })));
    return Infinity;
  }
}

if (!customElements.get("ebb-ring")) customElements.define("ebb-ring", EbbRing);

// Timers sleep with the page; a page that wakes up looks at the clock at once.
document.addEventListener("visibilitychange", () => document.hidden || tick());
addEventListener("pageshow", tick);

export { now, sync };
