/*
 * Quick answers are put where the cursor stands, to be looked at before they are sent.
 *
 * Markup it reads: form[data-reply] with a textarea, a checkbox named format, and buttons with data-quick (the text) and
 * data-format. Without this file a button asks the server for the same.
 */
import "./attach.js";
import { announce } from "./ring.js";

const form = document.querySelector("form[data-reply]");

form?.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-quick]");
  if (!button) return;
  event.preventDefault();
  put(button.dataset.quick, button.dataset.format);
});

function put(text, format) {
  const body = form.elements.namedItem("body");
  const before = body.value.slice(0, body.selectionStart).trimEnd();
  const after = body.value.slice(body.selectionEnd).trimStart();
  body.value = [before, text, after].filter(Boolean).join("\n\n");
  if (format === "markdown") form.elements.namedItem("format").checked = true;
  body.focus();
  announce("Put into the reply");
}
