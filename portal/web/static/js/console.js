/* What every page of the console needs. A page adds its own module where it has one. */
import "./ring.js";
import "./time.js";
import "./keys.js";
import "./confirm.js";
import "./copy.js";
import "./fresh.js";
import "./part.js";

// A message that ends while its page is open takes its words with it: [data-live-body] inside [data-life] holds them.
document.addEventListener("ebb:gone", (event) => {
  const scope = event.target.closest("[data-life]");
  if (!scope) return;
  const [body, ...rest] = scope.querySelectorAll("[data-live-body]");
  for (const one of rest) one.remove(); // its answers and its files: the end is said once
  if (body) {
    body.textContent = "This message has ended. Its text is no longer here; the archive keeps the sealed record.";
    body.classList.add("gone");
  }
  for (const node of scope.querySelectorAll("[data-while-live]")) node.hidden = true;
});

// On a phone tabs run off the side: the one that is shown comes into sight.
for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  const tabs = tab.parentElement;
  tabs.scrollLeft = tab.offsetLeft - (tabs.clientWidth - tab.offsetWidth) / 2;
}

// A page restored from the back/forward cache may hold text that has ended since.
addEventListener("pageshow", (event) => {
  if (event.persisted && document.querySelector("[data-live-body]")) location.reload();
});
