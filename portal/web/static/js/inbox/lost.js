// A lost device, without another at hand: a link is asked for, then used once, then this page ends devices. It holds no key
// and shows no message; its pass is in memory only and lives for minutes.

import { asks, linkFrom } from "./asking.js";
import { el, text } from "./dom.js";
import * as http from "./http.js";
import * as mydevices from "./mydevices.js";
import { say, speak } from "./words.js";

speak();
const form = document.querySelector("form[data-lost]");
const isLink = form?.elements.token;
// Used or over meanwhile: its page says so.
asks(form, isLink ? ({ token }) => use(token.value) : linkFrom("/inbox/lost"), () => location.reload());

async function use(token) {
  const { pass, devices } = await http.plain("POST", "/inbox/lost/use", { token });
  history.replaceState(null, "", "/inbox/lost");
  const list = el("ul", { class: "devices" });
  const said = el("p", { class: "said", role: "status" });
  const title = el("h1", { tabindex: "-1" }, say("devices"));
  document.getElementById("main").replaceChildren(el("section", { class: "sheet" }, title,
    el("p", { class: "lede" }, say("lost_says")), list, said));
  draw(devices);
  title.focus();

  function draw(devices) {
    list.replaceChildren(...devices.map((one) => mydevices.row(one, end)));
  }

  async function end(act, one) {
    text(said, "");
    try {
      draw((await http.plain("POST", "/inbox/lost/act", { pass, device: one.id, act })).devices);
    } catch ({ status }) {
      text(said, say(status === 401 ? "lost_over_text" : status === 429 ? "too_many" : "not_done"));
    }
  }
}
