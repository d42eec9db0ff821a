/*
 * The compose page: the phone on the right follows what is written on the left; nothing leaves the page before "Send".
 *
 * Markup it reads: form[data-compose], [data-fill=NAME] filled with text, [data-body] with the message, [data-state=NAME] shown for the state chosen in
 * input[name=preview-state], option[data-kept] of the category, [data-picker] as picker.js has it.
 */
import "./attach.js";
import { locale, now } from "./clock.js";
import { pick } from "./picker.js";
import { rich } from "./rich.js";
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
  show(served() ? seen : { subject: value("subject"), body: value("body") });
  offer();
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

function offer() {
  const typed = value("answers").split("\n").map((line) => line.trim()).filter(Boolean);
  const lines = typed.length || !value("template") ? typed : seen.answers;
  for (const node of stage.querySelectorAll("[data-answers]")) {
    node.hidden = !lines.length;
    node.replaceChildren(...lines.map((line) => Object.assign(document.createElement("span"), { className: "badge", dir: "auto", textContent: line })));
  }
}

function show(text) {
  fill("subject", text.subject);
  fill("problem", text.problem ?? "");
  for (const node of stage.querySelectorAll("[data-body]")) {
    node.className = text.html ? "phone-text rich" : "phone-text";
    node.textContent = text.html ? "" : text.body || (text.problem ? "" : "Your text appears here as you write.");
    if (text.html) node.append(rich(text.html));
  }
}

/* ---- a text that the server makes: by template, or of Markdown ---- */
const PAUSE = 300; // ms without a key, then it is asked
const NOTHING = { subject: "", body: "", answers: [], asks: [] };
const served = () => Boolean(value("template")) || value("format") === "markdown";
let seen = NOTHING;
let asking = null;
let pause = 0;

function askSoon() {
  clearTimeout(pause);
  if (served() || "quiet" in form.dataset) pause = setTimeout(ask, PAUSE);
}

async function ask() {
  asking?.abort();
  asking = new AbortController();
  try {
    const answer = await fetch(form.dataset.previewUrl, {
      method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" }, signal: asking.signal,
    });
    if (!answer.ok) return;
    seen = await answer.json();
    variables(seen.asks);
    warn(seen.warning);
    preview();
  } catch {
    // Offline, or asked again meanwhile: what stands there stays.
  }
}

/* What the writer should know before it is sent: that nobody may be told of it in time, say. */
function warn(words) {
  const note = form.querySelector("[data-warning]");
  note.hidden = !words;
  note.querySelector("p").textContent = words;
}

/* The fields of the chosen template; what was typed into one that stays, stays. */
function variables(asks) {
  const place = form.querySelector("[data-variables]");
  const there = [...place.querySelectorAll("input")].map((input) => input.name.slice(4));
  if (there.join("\n") === asks.map((one) => one.name).join("\n")) return;
  const typed = Object.fromEntries([...place.querySelectorAll("input")].map((input) => [input.name, input.value]));
  place.replaceChildren(...asks.map((one, index) => variable(one, index, typed[`var-${one.name}`] ?? "")));
}

function variable({ name, kind }, index, typed) {
  const input = document.createElement("input");
  const type = kind === "date" ? "date" : "text";
  Object.assign(input, { className: "input", id: `f-var-${index}`, name: `var-${name}`, type, value: typed, autocomplete: "off" });
  if (kind === "number") input.inputMode = "decimal";
  const label = document.createElement("label");
  Object.assign(label, { htmlFor: input.id, textContent: name });
  const box = document.createElement("div");
  box.className = "field";
  box.append(label, input);
  return box;
}

/* From a template to a text of its own: what the customer would get, to be changed. */
form.querySelector("[data-unfold]").addEventListener("click", () => {
  if (seen.problem) return announce(seen.problem);
  field("template").value = "";
  field("subject").value = seen.subject;
  field("body").value = seen.body;
  field("format").value = seen.html ? "markdown" : "text";
  field("answers").value ||= seen.answers.join("\n");
  follow();
  field("body").focus();
});

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
  const templated = Boolean(value("template"));
  form.querySelector("[data-by-template]").hidden = !templated;
  form.querySelector("[data-unfold]").hidden = !templated;
  form.querySelector("[data-own]").hidden = templated;
  for (const input of form.querySelectorAll("[data-own] :is(input, textarea)")) input.disabled = templated;
  field("body").required = !templated;
  form.querySelector("[data-custom-life]").hidden = value("gone_after") !== "custom";
  form.querySelector("[data-later]").hidden = value("send") !== "later";
}

function follow() {
  couple();
  clocks();
  measure();
  preview();
  askSoon();
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
if (picker) pick(picker, (customer) => { fill("customer", customer?.name ?? ""); askSoon(); });

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
