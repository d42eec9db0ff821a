/*
 * A campaign's draft: what concerns time shows only where there is one, and an existing draft is saved while it is written.
 *
 * Saving names the revision the page was opened with; when somebody else saved meanwhile, it stops and says so. Nothing is
 * kept in the browser.
 */
import "./attach.js";
import { announce } from "./ring.js";

const form = document.querySelector("form[data-campaign]");
const told = document.querySelector("[data-saved]");
const PAUSE = 1500;
let timer = 0;
let saved = snapshot();
let stopped = !form.dataset.saveUrl;

function snapshot() {
  const data = new FormData(form);
  data.delete("revision");
  data.delete("files"); // what is chosen goes up by itself and comes back as its id
  data.delete("csrfmiddlewaretoken");
  return new URLSearchParams(data).toString();
}

function couple() {
  const timed = form.elements.namedItem("time").value !== "now";
  for (const part of form.querySelectorAll("[data-timed]")) part.hidden = !timed;
  form.elements.namedItem("at").required = timed;
  const own = !form.elements.namedItem("template").value;
  for (const part of form.querySelectorAll("[data-own]")) part.hidden = !own;
  form.elements.namedItem("body").disabled = !own; // what was typed stays, and is not sent beside a template
}

function tell(words, problem = false) {
  told.textContent = words;
  if (problem) announce(words);
}

/* Quiet hours: what was just saved would end before anybody may be told of it. */
function warn(words) {
  const note = form.querySelector("[data-warning]");
  note.querySelector("p").textContent = words;
  note.hidden = !words;
}

async function save() {
  const now = snapshot();
  if (stopped || now === saved || !form.checkValidity()) return;
  tell("Saving …");
  try {
    const answer = await fetch(form.dataset.saveUrl, { method: "POST", body: new FormData(form) });
    const body = await answer.json();
    if (answer.ok) {
      form.elements.namedItem("revision").value = body.revision;
      saved = now;
      tell("Saved.");
      warn(body.warning);
    } else {
      stopped = body.code === "campaign_changed";
      tell(`Not saved. ${body.problem}`, true);
    }
  } catch {
    tell("Not saved: no connection. It is tried again with your next change.", true);
  }
}

form.addEventListener("input", () => {
  couple();
  clearTimeout(timer);
  timer = setTimeout(save, PAUSE);
});
form.addEventListener("submit", () => clearTimeout(timer));
couple();
