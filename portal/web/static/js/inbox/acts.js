// What the customer does to a message. Each goes by socket when it is open, else over HTTP with a proof of its own.

import * as files from "./files.js";
import * as http from "./http.js";
import * as store from "./store.js";
import { fromBusiness } from "./store.js";

const GATHER = 120; // ms: deliveries that come together are told together
const MOST = 500; // ids in one frame
const PATIENCE = 10_000;

/** link(): the line; changed(): draw again; answer(message): begin an answer to it. */
export function create({ device, out, line, link, changed, answer }) {
  const busy = new Map(); // id → timer: asked, not answered
  const read = new Set();
  let arrived = new Set();
  let gathering = 0;

  // Only what came from the business, and only what no device has acknowledged yet.
  function delivered(messages) {
    for (const message of messages) if (fromBusiness(message)) arrived.add(message.id);
    gathering ||= setTimeout(flush, GATHER);
  }

  function flush() {
    gathering = 0;
    const ids = [...arrived];
    arrived = new Set();
    for (let at = 0; at < ids.length; at += MOST) link()?.send({ type: "delivered", ids: ids.slice(at, at + MOST) });
  }

  function wait(id) {
    busy.set(id, setTimeout(() => settled(id) || changed(), PATIENCE));
    changed();
  }

  function settled(id) {
    clearTimeout(busy.get(id));
    busy.delete(id);
  }

  /** By socket, where the answer is a frame; or over HTTP, where the answer is the message. */
  async function ask(verb, id) {
    if (busy.has(id)) return;
    wait(id);
    if (link()?.isOpen() && link().send({ type: verb, id })) return;
    try {
      const told = await http.ask(device, "POST", `/inbox/messages/${id}/${verb}`);
      const message = told?.message ?? told;
      if (message?.id) store.put(message);
      else link()?.poll();
    } catch (problem) {
      explain(problem);
    }
    settled(id);
    changed();
  }

  function explain({ status, code = "" }) {
    if (/attachment/.test(code)) line.pass("file_lost");
    else if (status === 410 || status === 404 || /gone|ended|not_found/.test(code)) line.pass("over");
    else line.pass(status === 429 ? "too_many" : "not_done");
    link()?.poll();
  }

  async function told(id) {
    read.add(id);
    if (link()?.isOpen() && link().send({ type: "read", id })) return;
    await http.ask(device, "POST", `/inbox/messages/${id}/read`).catch(() => read.delete(id));
  }

  async function earlier() {
    try {
      store.extend(await http.ask(device, "GET", `/inbox/state?cursor=${encodeURIComponent(store.more)}`));
    } catch {
      line.pass("not_done");
    }
    changed();
  }

  async function save(message, file) {
    try {
      await files.save(device, message, file);
    } catch (problem) {
      explain(problem);
    }
  }

  return {
    busy, delivered, settled, earlier, save,
    picture: (message, file) => files.picture(device, message, file),
    open: (id) => ask("reveal", id),
    extend: (id) => ask("extend", id),
    reply: answer,
    say: (message, body) => out.add({ for: message.for, body, in_reply_to: message.id, attachments: [] }),
    retry: out.retry,
    discard: out.discard,
    choose: () => changed(),
    read: told,
    /** Open, from the business, and not told as read: worth watching. */
    unread(id) {
      const message = store.get(id);
      return Boolean(message && fromBusiness(message) && message.body !== null && message.state !== "read" && !read.has(id));
    },
    /** The server refused a frame. It may name the message; what it names otherwise is what was being written. */
    refused(code, id) {
      if (busy.has(id)) settled(id);
      else out.broke();
      if (!id) [...busy.keys()].forEach(settled);
      explain({ status: code === "too_many" ? 429 : 0, code });
    },
    clear() {
      [...busy.keys()].forEach(settled);
      clearTimeout(gathering);
      gathering = 0;
      arrived = new Set();
      read.clear();
    },
  };
}
