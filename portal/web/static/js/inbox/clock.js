// The server's clock, carried on between two states. It is the one clock of the page (../clock.js, which the rings read).
//
// Never late (I1): the time an answer may have been under way counts as already gone by, so that a message may leave
// a blink early, never late.

import { now, sync } from "../clock.js";

export { now };

/** The server said `at` (RFC 3339) in answer to something that left here at `asked` (performance.now()). */
export function set(at, asked) {
  const said = typeof at === "number" ? at * 1000 : Date.parse(at);
  if (Number.isNaN(said)) return;
  sync(said + Math.min(Math.max(0, performance.now() - asked), 5000));
}

/** How long since `mark()`. The steady clock may stand still while the phone sleeps, the other may be set back. */
export function since(mark) {
  return Math.max(performance.now() - mark.steady, Date.now() - mark.wall, 0);
}

export function mark() {
  return { steady: performance.now(), wall: Date.now() };
}
