/*
 * Files go up as they are chosen, so that a form that comes back has not lost them; each can be taken out again.
 *
 * Markup it reads: [data-attach] (the address that takes one file as `file`, answers {"id", "name", "bytes"} or a problem) in a
 * form with the forgery token; in it input[type=file] and [data-attached], whose items hold input[name=attachments]. Without this
 * file the form brings its files along.
 */
import { announce } from "./ring.js";

const root = document.querySelector("[data-attach]");
if (root) attach(root);

function attach(root) {
  const picker = root.querySelector("input[type=file]");
  const list = root.querySelector("[data-attached]");
  const token = root.closest("form").elements.namedItem("csrfmiddlewaretoken").value;
  for (const item of list.children) item.append(remover(item));

  picker.addEventListener("change", async () => {
    const chosen = [...picker.files];
    picker.value = "";
    for (const file of chosen) await send(file);
  });

  async function send(file) {
    const item = document.createElement("li");
    item.textContent = `${file.name} …`;
    list.append(item);
    const body = new FormData();
    body.set("file", file);
    body.set("csrfmiddlewaretoken", token);
    try {
      const answer = await fetch(root.dataset.attach, { method: "POST", body, headers: { Accept: "application/json" } });
      const told = await answer.json();
      if (answer.ok) took(item, told);
      else failed(item, file.name, told.detail ?? "It could not be attached.");
    } catch {
      failed(item, file.name, "The server was not reached. Try again.");
    }
  }

  function took(item, file) {
    const id = document.createElement("input");
    Object.assign(id, { type: "hidden", name: "attachments", value: file.id });
    const words = document.createElement("span");
    words.textContent = `${file.name} `;
    const size = document.createElement("small");
    size.className = "muted";
    size.textContent = `${Math.max(1, Math.round(file.bytes / 1024)).toLocaleString("en")} KB`;
    words.append(size);
    item.replaceChildren(id, words, remover(item));
    announce(`${file.name} is attached`);
    tell();
  }

  function failed(item, name, why) {
    item.dataset.state = "failed";
    item.replaceChildren(`${name}: ${why}`, remover(item));
    announce(`${name}: ${why}`);
  }

  function remover(item) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "button quiet", textContent: "Remove" });
    button.addEventListener("click", () => {
      item.remove();
      tell();
      picker.focus();
    });
    return button;
  }

  const tell = () => root.dispatchEvent(new Event("input", { bubbles: true }));
}
