// My data and choices: what is kept about me and until when, what I agreed to, a copy of what is live, the wish to be erased.
//
// It holds no message. The copy is put together here, in this browser, and what ends meanwhile is left out of it.

import { sure } from "./calm.js";
import * as clock from "./clock.js";
import { el, text } from "./dom.js";
import * as files from "./files.js";
import * as http from "./http.js";
import { dated, day, duration, exact, region, say } from "./words.js";

const FILES = 20_000_000; // bytes of files in one copy

/** The page beside the messages. `back()` leaves it. `at`: the act that somebody came for. */
export function open(device, back, at = "") {
  const title = el("h2", { tabindex: "-1" }, say("own"));
  const said = el("p", { class: "said calmly", role: "status" });
  const room = el("div", { class: "own" }, el("p", { class: "soft" }, say("loading")));
  queueMicrotask(() => title.focus({ preventScroll: true }));
  ask("GET", "/inbox/own");
  return el("div", {}, el("section", { class: "sheet" }, title, room, said,
    el("p", { class: "sheet-foot" }, el("button", { class: "button", type: "button", onclick: back }, say("back")))));

  async function ask(method, path, value) {
    text(said, "");
    try {
      draw(await http.ask(device, method, path, value));
    } catch ({ status }) {
      text(said, say(status === 429 ? "too_many" : "not_done"));
    }
  }

  function draw({ rules, customers }) {
    const held = document.activeElement?.dataset.act ?? at; // what was pressed is made anew, and keeps the focus
    at = "";
    room.replaceChildren(
      part("own_rules", el("dl", { class: "kept" }, ...rules.map(rule)), el("p", { class: "soft" }, say("kept_there"))),
      ...customers.flatMap((one) => person(one, customers.length > 1)));
    if (held) room.querySelector(`[data-act^="${held}"]`)?.focus();
  }

  function person(one, several) {
    const keeps = one.archive.map((kind) => row(kind.what || say(kind.received ? "own_wrote" : "own_sent"),
      [say("own_count", { count: kind.count }), kind.until ? say("own_until", { date: day(kind.until) }) : say("kept_no_end")].join(" ")));
    return [
      several && el("h2", { class: "own-name" }, el("bdi", {}, one.name)),
      part("own_kept", el("p", {}, say("own_live", { count: one.live })),
        one.archive.length > 0 && el("ul", { class: "own-list" }, ...keeps), holds(one.holds)),
      one.channels.length > 0 && part("own_channels", el("ul", { class: "own-list" },
        ...one.channels.map((channel) => row(say(`own_c_${channel.way}`), el("bdi", { dir: "ltr" }, channel.to))))),
      part("own_choices", el("ul", { class: "own-list" }, ...one.consent.map((choice) => choose(one, choice))),
        one.said.length > 0 && el("details", {}, el("summary", {}, say("own_said")), el("ul", { class: "own-list" }, ...one.said.map(once)))),
      part("own_copy", el("p", {}, say("own_copy_text")), button("copy", say("own_copy_do"), one, () => copy(one))),
      part("own_erase", ...erasure(one)),
    ].filter(Boolean);
  }

  function choose(one, { purpose, channel, said: told, on }) {
    const label = name(purpose, channel);
    const act = on ? "own_no" : "own_yes";
    const isUp = on || told === "refused" || purpose === "marketing"; // else something wider is refused, and has a line of its own
    return row(label, say(on ? "own_is_on" : "own_is_off"), isUp && button(`${purpose}-${channel}`, say(act), one, async () => {
      if (on && !(await sure("own_no_ask", "own_no_says", "own_no"))) return;
      await ask("POST", "/inbox/own/consent", { for: one.id, purpose, channel, given: !on, wording: `${label}: ${say(act)}` });
    }, label));
  }

  function erasure(one) {
    const { state, at, why } = one.erasure;
    const asked = state === "asked";
    const ends = one.archive.map((kind) => kind.until);
    const keeps = !ends.length ? "own_erase_none" : ends.includes(null) ? "own_erase_endless" : "own_erase_until";
    return [
      el("p", {}, say("own_erase_text")),
      el("p", {}, say(keeps, { date: ends.length && !ends.includes(null) ? day(ends.sort().at(-1)) : "" })),
      state && el("p", { class: "said calmly" }, say(`own_erase_${state}`, { date: day(at) }), " ", why && say(`own_why_${why}`)),
      button("erase", say(asked ? "own_erase_back" : "own_erase_do"), one, async () => {
        if (!asked && !(await sure("own_erase_ask", "own_erase_text", "own_erase_do"))) return;
        await ask("POST", "/inbox/own/erasure", { for: one.id, asked: !asked });
      }),
    ];
  }

  async function copy(one) {
    if (!(await sure("own_copy", "saved_stays", "own_copy_do"))) return;
    text(said, say("own_copying"));
    try {
      const messages = [];
      for (let cursor = ""; cursor !== undefined;) {
        const page = await http.ask(device, "POST", "/inbox/own/copy", { for: one.id, cursor });
        messages.push(...page.messages);
        cursor = page.more;
      }
      const enclosed = await enclose(messages);
      const live = messages.filter((message) => !message.gone_at || Date.parse(message.gone_at) > clock.now());
      files.give(new Blob([sheet(one, live, enclosed)], { type: "text/html" }), "messages.html");
      text(said, say("own_copied", { count: live.length, sealed: live.filter((message) => message.body === null).length }));
    } catch ({ status }) {
      text(said, say(status === 429 ? "too_many" : "not_done"));
    }
  }

  // The files of the messages, as far as they fit. → Map of file → data: address
  async function enclose(messages) {
    const found = new Map();
    let room = FILES;
    for (const message of messages) {
      for (const file of message.attachments) {
        if (file.bytes > room) continue;
        room -= file.bytes;
        const url = await files.fetched(device, message, file).catch(() => null); // its message may have ended by now
        if (url) found.set(file, url);
      }
    }
    return found;
  }
}

/** The file: to be read by a person, and by a program from the block of JSON in it. */
function sheet(one, messages, enclosed) {
  const page = document.implementation.createHTMLDocument(say("own_copy"));
  page.documentElement.lang = region;
  page.documentElement.dir = document.documentElement.dir;
  const data = JSON.stringify({ taken_at: new Date(clock.now()).toISOString(), messages }).replaceAll("<", "\\u003c");
  page.body.append(el("h1", {}, say("messages")), el("p", { dir: "auto" }, one.name), ...messages.map((message) => article(message, enclosed)));
  const head = `<head><meta charset="utf-8"><style>pre { font: inherit; white-space: pre-wrap }</style>`;
  const block = `<script type="application/json">${data}</script></body></html>`;
  return `<!doctype html>\n${page.documentElement.outerHTML.replace("<head>", () => head).replace(/<\/body><\/html>$/, () => block)}`;
}

function article(message, enclosed) {
  return el("article", {}, el("hr"),
    el("p", {}, el("bdi", {}, message.direction === "in" ? message.from : say("you")), ` · ${exact(message.sent_at)}`),
    message.subject && el("h2", { dir: "auto" }, message.subject),
    el("pre", { dir: "auto" }, message.body ?? say("own_sealed")),
    ...message.attachments.map((file) => el("p", {}, enclosed.has(file)
      ? el("a", { download: file.name, href: enclosed.get(file) }, file.name)
      : `${file.name}: ${say("own_left_out")}`)),
    message.archived_until && el("p", {}, say("kept_until", { date: day(message.archived_until) })));
}

const part = (key, ...inner) => el("section", { class: "own-part" }, el("h3", {}, say(key)), ...inner);
const row = (label, value, ...more) => el("li", {}, el("span", {}, el("b", {}, label), " ", el("span", { class: "soft" }, value)), ...more);

function button(act, label, one, onclick, about = "") {
  return el("button", { class: "button", type: "button", "data-act": `${act} ${one.id}`, "aria-label": about && `${label}: ${about}`, onclick }, label);
}

function rule({ what, received, gone_after, keep_for, from }) {
  const event = from.split(/[.:]/)[0]; // sent, ended, conversation, customer, field
  return el("div", { class: "kept-row" }, el("dt", { class: "kept-what" }, el("bdi", {}, received ? say("own_wrote") : what)),
    el("dd", {}, el("span", { class: "kept-label" }, say("kept_col_device")), el("b", {}, gone_after ? duration(String(gone_after)) : say("own_till_closed"))),
    el("dd", {}, el("span", { class: "kept-label" }, say("kept_col_archive")), el("b", {}, say(`own_keeps_${event}`, { time: duration(keep_for) }))));
}

function holds(told) {
  if (!told) return el("p", { class: "soft" }, say("kept_hold"));
  if (!told.length) return el("p", {}, say("own_no_hold"));
  return el("ul", { class: "own-list" }, ...told.map((one) => row(say("own_hold"), say("own_held", { count: one.count, date: day(one.since) }))));
}

function once({ purpose, channel, given, at, source, wording }) {
  return row(`${name(purpose, channel)}: ${say(given ? "own_given" : "own_refused")}`, dated("own_when", at, Date.now()),
    el("span", { class: "own-words", dir: "auto" }, [source, wording && `“${wording}”`].filter(Boolean).join(": ")));
}

function name(purpose, channel) {
  if (channel === "all") return say(`own_p_${purpose}`);
  return purpose === "all" ? say(`own_c_${channel}`) : `${say(`own_p_${purpose}`)} · ${say(`own_c_${channel}`)}`;
}
