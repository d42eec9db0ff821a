/*
 * The template editor: what customers would see follows what is written, in every language, with samples or as one customer.
 *
 * Markup it reads: form[data-template] with data-preview-url (takes the form, answers {"texts": [{"language", "subject", "body",
 * "html", "answers", "problem"}]}), [data-previews], [data-picker] as picker.js has it.
 */
import { pick } from "./picker.js";
import { rich } from "./rich.js";

const form = document.querySelector("form[data-template]");
const shown = document.querySelector("[data-previews]");
const picker = document.querySelector("[data-picker]");
const PAUSE = 300; // ms without a key, then the server is asked
let waiting = 0;
let asking = null;
const saved = snapshot();
let leaving = false;

function snapshot() {
  return new URLSearchParams(new FormData(form)).toString();
}

async function look() {
  asking?.abort();
  asking = new AbortController();
  const asked = new FormData(form);
  asked.set("customer", picker.querySelector("input[type=hidden]").value);
  try {
    const answer = await fetch(form.dataset.previewUrl, {
      method: "POST", body: new URLSearchParams(asked), headers: { Accept: "application/json" }, signal: asking.signal,
    });
    if (answer.ok) show((await answer.json()).texts);
  } catch {
    // Offline, or asked again meanwhile: what stands there stays.
  }
}

function show(texts) {
  shown.replaceChildren(...texts.flatMap((text) => [made("p", "phone-language", text.language), bubble(text)]));
}

function bubble(text) {
  if (text.problem) return made("p", "phone-problem", text.problem);
  const node = made("div", "phone-bubble", "");
  node.lang = text.language;
  if (text.subject) node.append(made("h3", "", text.subject));
  const body = made("div", text.html ? "phone-text rich" : "phone-text", text.html ? "" : text.body);
  body.dir = "auto";
  if (text.html) body.append(rich(text.html));
  node.append(body);
  if (text.answers.length) {
    const offered = made("p", "phone-answers", "");
    offered.append(...text.answers.map((words) => Object.assign(made("span", "badge", words), { dir: "auto" })));
    node.append(offered);
  }
  return node;
}

function made(tag, name, words) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.textContent = words;
  return node;
}

function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(look, PAUSE);
}

form.addEventListener("input", soon);
form.addEventListener("submit", () => { leaving = true; });
pick(picker, look);
look();

addEventListener("beforeunload", (event) => {
  if (!leaving && snapshot() !== saved) event.preventDefault();
});
addEventListener("pageshow", () => { leaving = false; });
