// A one-time link or a code becomes a device.
//
// Opening the link is a GET and uses nothing up, because link scanners and previews open everything; a person presses
// the button, this browser makes a key, and only then the token is spent. The key never leaves; its public half does.

import { calm } from "./calm.js";
import { text } from "./dom.js";
import * as http from "./http.js";
import * as keystore from "./keystore.js";
import { start } from "./main.js";
import * as proof from "./proof.js";
import { digits, say, speak } from "./words.js";

/** Spends `secret` ({token} or {code}) for a device. → {id, key}. Throws http.Answer. */
async function redeem(secret, { answer, accepts, keep, key, open }) {
  const told = await http.plain("POST", "/inbox/enrol", {
    ...secret,
    public_key: await keystore.publicJwk(open),
    name: deviceName(),
    proof: await proof.enrol(key, secret.token ?? secret.code),
    zone: proof.zone(),
    ...(!keep && { brief: true }),
    ...(accepts && { accepts }),
    ...(answer && { answer }),
  });
  const device = { id: told.device, key, open };
  return { device, kept: await keystore.save({ ...device, keep }) };
}

// A link for a child, opened on a phone that is already in: the same key, so that one device serves both.
async function ours() {
  const device = await keystore.load();
  return device?.open ? device : null;
}

async function made() {
  const pair = await keystore.make();
  return { key: pair.privateKey, open: pair.publicKey };
}

// Enough to know it again in a list of devices; the browser's long self-description is nobody's business.
function deviceName() {
  const agent = navigator.userAgent;
  const find = (names) => names.find(([mark]) => agent.includes(mark))?.[1];
  const system = find([["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android"], ["Windows", "Windows"], ["Mac OS", "Mac"], ["Linux", "Linux"]]);
  const browser = find([["Firefox/", "Firefox"], ["FxiOS", "Firefox"], ["Edg", "Edge"], ["CriOS", "Chrome"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]]);
  return [browser, system].filter(Boolean).join(" · ") || "Browser";
}

/** Wires a form [data-enrol]: its hidden `token` or its field `code`, the box `not_mine`, the field `answer`. */
export function wire(form) {
  const go = form.querySelector("[type=submit]");
  const said = form.querySelector("[data-said]");
  const factor = form.querySelector("[data-factor]");
  const usual = go.textContent;
  let fresh = null; // one key for all tries of a visit: a wrong second factor does not need a new one

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (go.getAttribute("aria-busy") === "true") return;
    busy(true);
    try {
      const keep = !form.elements.not_mine?.checked;
      const { key, open } = (keep && (await ours())) || (fresh ??= await made());
      const answer = form.elements.answer?.value.trim();
      const { device, kept } = await redeem(secret(), { answer, accepts: form.dataset.accepts, keep, key, open });
      // The token is spent, and leaves the address bar and the history with it.
      history.replaceState(null, "", "/inbox/");
      document.querySelector("title").dataset.say = "messages";
      speak();
      start(device, { keep: kept, said: keep && !kept ? "not_kept" : "" });
    } catch (problem) {
      busy(false);
      explain(problem);
    }
  });

  // Codes are read aloud and typed: Crockford's alphabet forgives case, spaces and look-alikes.
  function secret() {
    if (form.elements.token) return { token: form.elements.token.value };
    const typed = digits(form.elements.code.value).toUpperCase().replace(/[\s-]/g, "");
    return { code: typed.replaceAll("O", "0").replace(/[IL]/g, "1") };
  }

  function explain(problem) {
    const { status, code } = problem;
    if (code === "second_factor_needed") {
      const asked = !factor.hidden;
      if (problem.problem.factor === "code") {
        text(factor.querySelector("[data-say=factor_text]"), say("factor_code"));
        Object.assign(form.elements.answer, { inputMode: "numeric", autocomplete: "one-time-code" });
      }
      factor.hidden = false;
      form.elements.answer.required = true;
      form.elements.answer.focus();
      return text(said, asked || problem.problem.wrong ? say("factor_wrong") : "");
    }
    if (code === "terms_changed") return location.reload(); // nothing is used up: read it again
    if (!(problem instanceof http.Answer)) throw problem;
    if (/factor|answer/.test(code)) text(said, say("factor_wrong"));
    else if (status === 429) text(said, say("too_many"));
    else if (status === 0 || status >= 500) text(said, say("no_link"));
    else if (form.elements.code) text(said, say("code_wrong"));
    else over();
  }

  function over() {
    document.getElementById("main").replaceChildren(calm("enrol_over", { key: "recover", href: "/inbox/recover" }));
  }

  function busy(yes) {
    text(said, "");
    go.setAttribute("aria-busy", String(yes));
    text(go, yes ? say("enrol_opening") : usual);
  }
}

/** Says so and answers false where there is no WebCrypto (an old browser, or plain http on another machine). */
export function able() {
  if (globalThis.crypto?.subtle) return true;
  document.getElementById("main").replaceChildren(calm("old"));
  return false;
}

speak();
if (able()) document.querySelectorAll("form[data-enrol]").forEach(wire);
