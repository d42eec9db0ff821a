/* <button data-copy="text"> or data-copy-from="element id": copies, and says so in words. */
import { announce } from "./ring.js";

for (const button of document.querySelectorAll("[data-copy], [data-copy-from]")) {
  const label = button.querySelector("[data-copy-label]") ?? button;
  const before = label.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copyFrom ?? "");
    const text = button.dataset.copy ?? source?.textContent.trim() ?? "";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Over plain http there is no clipboard: select the text, so that one key copies it.
      if (source) getSelection().selectAllChildren(source);
      announce("Selected. Press Control and C to copy.");
      return;
    }
    label.textContent = "Copied";
    announce("Copied");
    setTimeout(() => { label.textContent = before; }, 2000);
  });
}
