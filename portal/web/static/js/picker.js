/*
 * A field that finds customers as one types: name, reference, phone or e-mail.
 *
 * Markup it reads: [data-picker] with data-url (answers {"results": [{"id", "name", "reference", "contact"}]} for
 * ?q=…&format=json), in it input[role=combobox], input[type=hidden] for the id, and [role=listbox].
 */
import { announce } from "./ring.js";

/** Calls `told({id, name})` when somebody was picked, and with null when the field was typed in again. */
export function pick(root, told = () => {}) {
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
    close();
    told({ id: customer.id, name: input.value });
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
    if (chosen.value) told(null);
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
