// Coming back with a lost key: a link to a channel the business has verified, or a code from its staff.
// The answer is the same whether the address is known or not.

import { text } from "./dom.js";
import "./enrol.js";
import * as http from "./http.js";
import { say } from "./words.js";

const form = document.querySelector("form[data-recover]");
const go = form?.querySelector("[type=submit]");
const said = form?.querySelector("[data-said]");

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (go.getAttribute("aria-busy") === "true") return;
  go.setAttribute("aria-busy", "true");
  text(said, "");
  try {
    await http.plain("POST", "/inbox/recover", { to: form.elements.to.value.trim() });
    form.elements.to.value = "";
    text(said, say("recover_sent"));
  } catch ({ status }) {
    text(said, say(status === 429 ? "too_many" : "not_done"));
  }
  go.setAttribute("aria-busy", "false");
});
