// The server's clock, carried on between two states.
//
// Never late (I1): the device's own clock may be wrong, may be set back, and `performance.now()` stands still in
// some browsers while the phone sleeps. So the time since the last state is the longer of both clocks' answers, and
// the time an answer may have been under way counts as already gone by. A message may leave a blink early, never late.

let base = Date.now();
let wall = Date.now();
let steady = performance.now();

/** The server said `at` (RFC 3339) in answer to something that left here at `asked` (performance.now()). */
export function set(at, asked) {
  const said = Date.parse(at);
  if (Number.isNaN(said)) return;
  base = said + Math.min(Math.max(0, performance.now() - asked), 5000);
  wall = Date.now();
  steady = performance.now();
}

/** Milliseconds since the epoch, as the server counts them. */
export function now() {
  return base + Math.max(performance.now() - steady, Date.now() - wall, 0);
}

/** How long since `mark()`, sleep included. */
export function since(mark) {
  return Math.max(performance.now() - mark.steady, Date.now() - mark.wall, 0);
}

export function mark() {
  return { steady: performance.now(), wall: Date.now() };
}
