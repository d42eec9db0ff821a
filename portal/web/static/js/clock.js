/*
 * The page's idea of the server's time.
 *
 * <html data-now="ISO"> says when the server wrote the page; a socket may correct it with sync(). The browser's own clock is
 * only trusted for how much time has passed since, and of its two clocks the later wins: the steady one stops while a laptop
 * sleeps, the wall clock can be set back. A message may end early on a page, never late.
 */
let base = Date.now();
let steadyAt = performance.now();
let wallAt = Date.now();

export function sync(server) {
  const at = typeof server === "number" ? server : Date.parse(server);
  if (Number.isNaN(at)) return;
  base = at;
  steadyAt = performance.now();
  wallAt = Date.now();
}

export function now() {
  return base + Math.max(performance.now() - steadyAt, Date.now() - wallAt, 0);
}

const written = Date.parse(document.documentElement.dataset.now ?? "");
if (!Number.isNaN(written)) {
  // The page was written at about the time its first byte came, not when this line runs.
  const firstByte = performance.getEntriesByType("navigation")[0]?.responseStart || performance.now();
  base = written;
  steadyAt = firstByte;
  wallAt = Date.now() - (performance.now() - firstByte);
}

/* Plain "en" would mean American dates; the page's English is everybody's: 24 Nov 2026, 14:02. */
export const locale = (lang) => (lang === "en" ? "en-GB" : lang);
