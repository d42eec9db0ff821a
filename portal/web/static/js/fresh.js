/*
 * A page that follows what happens elsewhere: <div data-fresh="sent"> names the state it was drawn in. While the page is
 * looked at, it asks for itself now and then, and draws itself anew once the state is another one. Nothing is drawn anew
 * under an open dialog or while somebody types.
 */
const FIRST = 1000;
const SLOWER = 1.4;
const SLOWEST = 15_000;
const GIVE_UP = 10 * 60_000; // whoever left the page open is not looking any more

const part = document.querySelector("[data-fresh]");
const began = performance.now();
let pause = FIRST;

const busy = () => document.querySelector("dialog[open]") || document.activeElement?.matches("input, textarea, select");

async function changed() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.querySelector("[data-fresh]")?.dataset.fresh !== part.dataset.fresh;
}

async function look() {
  if (performance.now() - began > GIVE_UP) return;
  let over = false;
  try {
    over = !document.hidden && !busy() && (await changed());
  } catch {
    // Offline, or the server restarts: what stands here is still what was true.
  }
  if (over && !busy()) return location.reload();
  pause = Math.min(SLOWEST, pause * SLOWER);
  setTimeout(look, pause);
}

if (part) {
  setTimeout(look, pause);
  // Its end is known to the second: the text left at once, the rest of the page follows.
  document.addEventListener("ebb:gone", (event) => {
    if (event.target.closest("[data-life]") === part) setTimeout(() => busy() || location.reload(), FIRST);
  });
}
