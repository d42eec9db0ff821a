/*
 * <div data-part="/console/…">: a part of the page that takes a while to count. It is a page of its own, whose [data-part-body] is
 * fetched into this place once the rest is drawn; where that fails the link stays that stands here without scripts.
 */
import { refresh } from "./time.js";
import { inert } from "./trusted.js";

async function fetchPart(place) {
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(place.dataset.part, { headers: { Accept: "text/html" } });
    const body = answer.ok && !answer.redirected && inert(await answer.text()).querySelector("[data-part-body]");
    if (body) {
      const held = place.contains(document.activeElement);
      place.replaceChildren(...body.children);
      if (held) Object.assign(place, { tabIndex: -1 }).focus(); // not back to the beginning of the page
    }
    refresh(place);
  } catch {
    // Offline, or the server restarts: the link leads to the same.
  }
  place.removeAttribute("aria-busy");
}

for (const place of document.querySelectorAll("[data-part]")) fetchPart(place);
