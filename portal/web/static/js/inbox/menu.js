// The menu in the head of the page: shown while a device is in.

const node = document.querySelector(".inbox-menu");
let acts = {};

for (const item of node?.querySelectorAll("button[data-menu]") ?? []) {
  item.addEventListener("click", () => {
    node.open = false;
    acts[item.dataset.menu]?.();
  });
}
addEventListener("click", (event) => {
  if (node && !node.contains(event.target)) node.open = false;
});
node?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !node.open) return;
  node.open = false;
  node.querySelector("summary").focus();
});

/** on: {devices(), notices(), lock(), signOut()} */
export function open(on) {
  acts = on;
  show(true);
}

export function show(yes) {
  node.hidden = !yes;
}
