// When the page must hold nothing: as it is put away, as it comes back from the back/forward cache (browsers keep
// even no-store pages there for minutes), after a long sleep, and whenever lock, wipe, sign-out or silence say so.
//
// While the page is hidden its timers are throttled to once a minute, so a message might outlive its end in the tree
// of a page nobody sees, and in the picture the phone takes for its list of open apps. So a hidden page is veiled, and
// ends what is over before the veil lifts.

import * as clock from "./clock.js";

const LONG = 60_000;

/** on: {empty(), back(), catchUp()}. → a function that ends the watch. */
export function watch(on) {
  const root = document.documentElement;
  const ending = new AbortController();
  const { signal } = ending;
  let ticked = clock.mark();

  addEventListener("pagehide", () => {
    root.classList.add("veiled");
    on.empty();
  }, { signal });
  addEventListener("pageshow", (event) => {
    if (event.persisted) on.empty();
    root.classList.remove("veiled");
    if (event.persisted) on.back();
  }, { signal });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") return root.classList.add("veiled");
    slept();
    on.catchUp();
    root.classList.remove("veiled");
  }, { signal });

  // A phone that slept wakes with whatever it showed: a tick that is this late means nobody was looking after it.
  function slept() {
    if (clock.since(ticked) > LONG + 65_000) on.empty();
    ticked = clock.mark();
  }
  const timer = setInterval(slept, 5_000);
  signal.addEventListener("abort", () => {
    clearInterval(timer);
    root.classList.remove("veiled");
  });
  return () => ending.abort();
}
