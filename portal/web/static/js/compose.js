/*
 * The compose page: the phone on the right follows what is written on the left; nothing leaves the page before "Send".
 *
 * Markup it reads: form[data-compose], [data-fill=NAME] filled with text, [data-state=NAME] shown for the state chosen in
 * input[name=preview-state], option[data-kept] of the category, [data-picker] with data-url (answers
 * {"results": [{"id", "name", "reference", "contact"}]} for ?q=…&format=json).
 */
import { locale, now } from "./clock.js";
import { announce, duration, expiredAt } from "./ring.js";

const form = document.querySelector("form[data-compose]");
const stage = document.querySelector("[data-preview]");
const field = (name) => form.elements.namedItem(name);
const value = (name) => field(name)?.value ?? "";
const LIMIT = Number(form.dataset.limit);
const DEMONSTRATED = 20_000;

const fill = (name, text) => {
  for (const node of document.querySelectorAll(`[data-fill="${name}"]`)) {
    node.textContent = text;
    node.hidden = !text;
  }
};
const when = (at) => new Intl.DateTimeFormat(locale("en"), { dateStyle: "medium", timeStyle: "short" }).format(at);

/* ---- the life of the message ---- */
function life() {
  const chosen = value("gone_after");
  if (chosen !== "custom") return Number(chosen) * 1000;
  return Number(value("gone_after_count")) * Number(value("gone_after_unit")) * 1000;
}

function startsAt() {
  const planned = value("send") === "later" ? Date.parse(value("send_at")) : NaN;
  return Number.isNaN(planned) ? now() : planned;
}

function clocks() {
  const lasts = life();
  const goneAt = startsAt() + lasts;
  const read = Number(value("gone_after_read"));
  fill("gone", lasts > 0 ? when(goneAt) : "Choose how long it lives");
  fill("gone-note", read ? `or ${duration(read * 1000, "en", "long")} after it is opened, whichever comes first` : `${duration(lasts || 1000, "en", "long")} after sending, read or not`);
  const kept = field("category")?.selectedOptions?.[0]?.dataset ?? {};
  if (kept.kept) fill("kept", `At least until ${kept.kept}`);
  if (kept.rule) fill("kept-note", `Rule: ${kept.rule}`);
  fill("kept-phone", kept.kept ? `${form.dataset.business} keeps a sealed copy at least until ${kept.kept}.` : "");
}

/* ---- the phone ---- */
const sealed = () => Boolean(Number(value("gone_after_read"))) || field("tap_to_reveal")?.checked;

function preview() {
  fill("subject", value("subject"));
  fill("body", value("body") || "Your text appears here as you write.");
  fill("sealed-words", Number(value("gone_after_read"))
    ? `Disappears ${duration(Number(value("gone_after_read")) * 1000, "en", "long")} after opening`
    : "Open it when nobody looks over your shoulder");
  const chosen = document.querySelector("input[name=preview-state]:checked")?.value ?? "new";
  const shown = chosen === "new" && !sealed() ? "open" : chosen;
  for (const node of stage.querySelectorAll("[data-state]")) node.hidden = node.dataset.state !== shown;
  const lasts = life() || 60_000;
  const rest = chosen === "counting" ? Math.min(DEMONSTRATED, lasts) : lasts;
  if (chosen !== "gone") run(stage.querySelector(`[data-state="${shown}"] ebb-ring`), lasts, rest);
  fill("tomb", expiredAt(now()));
  fill("phone-time", new Intl.DateTimeFormat("en", { timeStyle: "short", hourCycle: "h23" }).format(now()));
}

/* Restarts a ring only when its life changed: typing must not wind it up again. */
function run(ring, lasts, rest) {
  if (!ring) return;
  const key = `${lasts}/${rest}`;
  if (ring.dataset.key === key && !ring.hasAttribute("data-ended")) return;
  ring.dataset.key = key;
  ring.removeAttribute("data-ended");
  ring.dataset.from = new Date(now() - (lasts - rest)).toISOString();
  ring.dataset.until = new Date(now() + rest).toISOString();
}

stage.addEventListener("ebb:gone", () => {
  const gone = document.querySelector("input[name=preview-state][value=gone]");
  gone.checked = true;
  preview();
});

/* ---- what fits ---- */
const meter = form.querySelector("[data-meter]");
let warned = "";

function measure() {
  const used = new TextEncoder().encode(value("subject") + value("body")).length;
  const left = LIMIT - used;
  const level = left < 0 ? "over" : left < LIMIT / 10 ? "low" : "";
  meter.dataset.level = level;
  meter.textContent = left < 0
    ? `${(-left).toLocaleString("en")} bytes too long. Shorten the text to send it.`
    : `${[...value("body")].length.toLocaleString("en")} characters · ${left.toLocaleString("en")} bytes left`;
  field("body").setCustomValidity(left < 0 ? "The text is too long to send." : "");
  if (level !== warned && level) announce(meter.textContent);
  warned = level;
}

/* A read timer starts at the opening, so there must be an opening. */
function couple() {
  const tap = field("tap_to_reveal");
  const timed = Boolean(Number(value("gone_after_read")));
  tap.disabled = timed;
  if (timed) tap.checked = true;
  form.querySelector("[data-tap-why]").hidden = !timed;
  form.querySelector("[data-custom-life]").hidden = value("gone_after") !== "custom";
  form.querySelector("[data-later]").hidden = value("send") !== "later";
}

function follow() {
  couple();
  clocks();
  measure();
  preview();
}

/* A category brings its own usual life; what the writer chose by hand stays. */
let chosenByHand = false;
form.addEventListener("change", (event) => {
  if (event.target.name === "gone_after") chosenByHand = true;
  if (event.target.name === "category" && !chosenByHand) {
    const usual = event.target.selectedOptions[0].dataset.goneAfter;
    const radio = form.querySelector(`input[name=gone_after][value="${CSS.escape(usual ?? "")}"]`);
    if (radio) radio.checked = true;
  }
});
form.addEventListener("input", follow);
form.addEventListener("change", follow);
for (const radio of document.querySelectorAll("input[name=preview-state]")) {
  radio.addEventListener("change", () => {
    for (const ring of stage.querySelectorAll("ebb-ring")) delete ring.dataset.key;
    preview();
  });
}
setInterval(clocks, 20_000);
follow();

/* ---- to whom ---- */
const picker = document.querySelector("[data-picker]");
if (picker) pick(picker);

function pick(root) {
  const input = root.querySelector("input[role=combobox]");
  const chosen = root.querySelector("input[type=hidden]");
  const options = root.querySelector("[role=listbox]");
  let found = [];
  let at = -1;
  let asking;

  const close = () => {
    options.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  const mark = (index) => {
    at = (index + found.length) % found.length;
    [...options.children].forEach((node, each) => node.setAttribute("aria-selected", String(each === at)));
    input.setAttribute("aria-activedescendant", options.children[at].id);
    options.children[at].scrollIntoView({ block: "nearest" });
  };

  const choose = (index) => {
    const customer = found[index];
    chosen.value = customer.id;
    input.value = customer.name || customer.reference || customer.contact;
    fill("customer", input.value);
    close();
  };

  const show = () => {
    options.replaceChildren(...found.map((customer, index) => {
      const item = document.createElement("li");
      item.id = `${options.id}-${index}`;
      item.setAttribute("role", "option");
      const name = document.createElement("span");
      name.textContent = customer.name || "No name";
      const more = document.createElement("small");
      more.textContent = [customer.reference, customer.contact].filter(Boolean).join(" · ");
      item.append(name, more);
      item.addEventListener("pointerdown", (event) => { event.preventDefault(); choose(index); });
      return item;
    }));
    options.hidden = !found.length;
    input.setAttribute("aria-expanded", String(Boolean(found.length)));
    at = -1;
    announce(found.length ? `${found.length} customers found` : "No customer found");
  };

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const url = new URL(root.dataset.url, location.href);
    url.searchParams.set("q", input.value.trim());
    url.searchParams.set("format", "json");
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" }, signal: asking.signal });
      if (!answer.ok) return;
      found = (await answer.json()).results.slice(0, 8);
      show();
    } catch (error) {
      // Offline: the field still takes a phone number, an e-mail address or a reference, and the server looks it up.
      if (error.name !== "AbortError") close();
    }
  }

  let waiting;
  input.addEventListener("input", () => {
    chosen.value = "";
    clearTimeout(waiting);
    if (input.value.trim().length < 2) return close();
    waiting = setTimeout(ask, 180);
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (options.hidden) return;
    if (event.key === "ArrowDown") mark(at + 1);
    else if (event.key === "ArrowUp") mark(at - 1);
    else if (event.key === "Enter" && at >= 0) choose(at);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
}

/* ---- a moment to think again ---- */
const undo = document.getElementById("undo-dialog");
const ring = undo?.querySelector("ebb-ring");
const wait = Number(form.dataset.undo) * 1000;
let leaving = false;

const send = () => {
  leaving = true;
  if (undo?.open) undo.close("sent");
  form.requestSubmit();
};

form.addEventListener("submit", (event) => {
  if (leaving || !wait || !undo) { leaving = true; return; }
  event.preventDefault();
  fill("undo-to", value("to"));
  ring.removeAttribute("data-ended");
  ring.dataset.from = new Date(now()).toISOString();
  ring.dataset.until = new Date(now() + wait).toISOString();
  undo.showModal();
});
ring?.addEventListener("ebb:gone", () => { if (undo.open) send(); });
undo?.querySelector("[data-send-now]").addEventListener("click", send);
undo?.addEventListener("close", () => {
  if (!leaving) announce("Not sent");
});

addEventListener("beforeunload", (event) => {
  if (!leaving && value("body").trim()) event.preventDefault();
});
addEventListener("pageshow", () => { leaving = false; });
