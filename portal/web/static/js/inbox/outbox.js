// What was written and is not yet in a state. In memory only.
//
// A socket answers `accepted` without saying to what, so one goes out at a time. When the line breaks before the
// answer nobody can know: the next state shows whether it arrived, and if not the customer decides, because sending
// twice to a clinic is worse than being asked. What is written without a network was never sent: it waits.

import * as clock from "./clock.js";
import { fromBusiness } from "./store.js";
import * as store from "./store.js";

const WAIT = 15_000;

const ids = (files) => files.map((one) => one.id);

/** carry(frame) → true when a socket took it; post(value) → {id} over HTTP; changed() after every change. */
export function create({ carry, post, changed }) {
  let drafts = []; // {key, for, body, in_reply_to, attachments, at, state: sending | waiting | accepted | unsure, id?}
  let flying = null;
  let timer = 0;
  let count = 0;
  const known = new Set(); // ids of messages that are a draft's: the same words written twice are two

  function add(value) {
    drafts.push({ ...value, key: `draft ${++count}`, at: clock.now(), state: "sending" });
    changed();
    next();
  }

  function next() {
    if (flying) return;
    flying = drafts.find((one) => one.state === "sending");
    if (!flying) return;
    const mine = flying;
    timer = setTimeout(() => doubt(mine), WAIT);
    const { body, in_reply_to, attachments } = mine;
    const value = { for: mine.for, body, ...(in_reply_to && { in_reply_to }), ...(attachments.length && { attachments: ids(attachments) }) };
    if (carry({ type: "write", ...value })) return;
    if (!navigator.onLine) return land({ state: "waiting" });
    post(value).then((answer) => accepted(answer?.id ?? answer?.message?.id), () => doubt(mine));
  }

  function accepted(id) {
    if (!flying) return;
    known.add(id);
    land({ state: "accepted", id });
  }

  function doubt(one) {
    if (flying === one) land({ state: "unsure" });
  }

  function land(change) {
    clearTimeout(timer);
    Object.assign(flying, change, { landed: performance.now() });
    flying = null;
    settle();
    changed();
    next();
  }

  /** A message or a state came: what it shows need not wait here any more, nor what was in before the state was asked. */
  function settle(asked = -Infinity) {
    drafts = drafts.filter((one) => {
      if (one.state === "accepted") return one.landed >= asked && !store.get(one.id);
      const there = one.state === "unsure" && arrived(one);
      if (there) known.add(there.id);
      return !there;
    });
  }

  /** The message that a draft became, before anybody said so. */
  function arrived(one) {
    return store.live().find((m) => !fromBusiness(m) && !known.has(m.id) && m.body === one.body && m.for === one.for
      && (m.in_reply_to ?? null) === (one.in_reply_to ?? null) && ids(m.attachments).join() === ids(one.attachments).join()
      && Date.parse(m.sent_at) > one.at - 10_000);
  }

  return {
    add, accepted, settle,
    /** What is to be shown. Its message may be here before the word that it was accepted: then it stands there already. */
    drafts: () => drafts.filter((one) => one !== flying || !arrived(one)),
    /** The line broke, or the server refused: what was under way may or may not have arrived. */
    broke: () => flying && doubt(flying),
    retry(one) {
      Object.assign(one, { state: "sending", at: clock.now() });
      changed();
      next();
    },
    /** The server is heard again. */
    resume() {
      for (const one of drafts) if (one.state === "waiting") Object.assign(one, { state: "sending", at: clock.now() });
      next();
    },
    discard(one) {
      drafts = drafts.filter((other) => other !== one);
      changed();
    },
    clear() {
      clearTimeout(timer);
      drafts = [];
      flying = null;
      known.clear();
    },
  };
}
