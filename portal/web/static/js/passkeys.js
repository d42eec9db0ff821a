// Forms that ask an authenticator before they are sent: its answer goes along in hidden fields. Without a script, or a browser
// that knows passkeys, they stay hidden, and a code does the same.

import { create, get } from "./webauthn.js";

const FAILED = "That did not work. Try again, or use a code.";

for (const form of window.PublicKeyCredential ? document.querySelectorAll("form[data-passkey]") : []) {
  form.hidden = false;
  form.addEventListener("submit", (event) => send(event, form));
}

async function send(event, form) {
  event.preventDefault();
  const said = form.querySelector("[data-passkey-said]");
  const button = form.querySelector("[type=submit]");
  said.textContent = "";
  button.disabled = true;
  try {
    const { passkey, challenge, known, person, name } = form.dataset;
    const ids = known.split(" ").filter(Boolean);
    const answer = passkey === "make" ? await create(challenge, { id: uuid(person), name }, ids) : await get(challenge, ids);
    for (const [field, value] of Object.entries(answer)) form.append(hidden(field, value));
    form.submit();
  } catch {
    said.textContent = FAILED;
    button.disabled = false;
  }
}

function hidden(name, value) {
  return Object.assign(document.createElement("input"), { type: "hidden", name, value });
}

function uuid(hex) {
  return Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
}
