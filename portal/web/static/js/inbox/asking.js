// A form with one button on a public page.

import { text } from "./dom.js";
import * as http from "./http.js";
import { say } from "./words.js";

/** act(fields) → what is said then, or nothing; over(): what a 401 means, if anything. */
export function asks(form, act, over) {
  const go = form?.querySelector("[type=submit]");
  const said = form?.querySelector("[data-said]");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (go.getAttribute("aria-busy") === "true") return;
    go.setAttribute("aria-busy", "true");
    text(said, "");
    try {
      text(said, (await act(form.elements)) ?? "");
    } catch ({ status }) {
      if (status === 401 && over) over();
      else text(said, say(status === 429 ? "too_many" : "not_done"));
    }
    go.setAttribute("aria-busy", "false");
  });
}

/** Whether the address is known is never told. */
export const linkFrom = (path) => async ({ to }) => {
  await http.plain("POST", path, { to: to.value.trim() });
  to.value = "";
  return say("recover_sent");
};
