/*
 * The console by keyboard: / searches, g then a letter goes, j k move in a list, x selects, Enter opens, ? lists the keys.
 *
 * The targets are named in the page: [data-go="m"] on links, [data-search] on the search field, [data-list] on a table body.
 * A page names keys of its own by [data-key="n"]: a field gets the focus, anything else is clicked.
 * Single letters never act while somebody types or with Ctrl, Alt or Meta held (WCAG 2.1.4: they can be switched off in the
 * dialog; the choice holds no personal data and lives in localStorage).
 */
const OFF = "ebb.keys.off";
const dialog = document.getElementById("keys-dialog");
const list = document.querySelector("[data-list]");
let going = 0;
let at = -1;

const rows = () => [...(list?.querySelectorAll("tr, [data-row]") ?? [])];
const typing = (node) => node.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
const off = () => localStorage.getItem(OFF) === "1";

function move(step) {
  const all = rows();
  if (!all.length) return;
  all[at]?.removeAttribute("data-at");
  at = Math.min(all.length - 1, Math.max(0, at + step));
  all[at].setAttribute("data-at", "");
  all[at].scrollIntoView({ block: "nearest" });
  all[at].querySelector("a")?.focus({ preventScroll: true });
}

function select() {
  const box = rows()[at]?.querySelector("input[type=checkbox]");
  if (box) box.click();
}

function own(key) {
  const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!target) return undefined;
  return () => (typing(target) ? target.focus() : target.click());
}

function go(letter) {
  const link = document.querySelector(`[data-go="${CSS.escape(letter)}"]`);
  if (link) location.assign(link.href);
}

const acts = {
  "/": () => document.querySelector("[data-search]")?.focus(),
  "?": () => dialog?.showModal(),
  j: () => move(1),
  k: () => move(-1),
  x: select,
  g: () => { going = performance.now() + 1500; },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && event.target.matches?.("[data-search]")) return event.target.blur();
  if (typing(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key !== "?" && off()) return;
  if (going > performance.now()) {
    going = 0;
    return go(event.key.toLowerCase());
  }
  const act = own(event.key) ?? acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

const toggle = document.querySelector("[data-keys-off]");
if (toggle) {
  toggle.checked = !off();
  toggle.addEventListener("change", () => {
    if (toggle.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  });
}
for (const button of document.querySelectorAll("[data-keys-open]")) button.addEventListener("click", acts["?"]);

/* How many are selected; what can be done with them stands beside it, also for everyone in the list. */
const bulk = document.querySelector("[data-bulk]");
if (bulk && list) {
  list.addEventListener("change", () => {
    const count = list.querySelectorAll("input[type=checkbox]:checked").length;
    bulk.querySelector("[data-bulk-count]").textContent = String(count);
  });
}
