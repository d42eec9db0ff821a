/*
 * The audience page: how many fit, and five of them, while the filter is filled in.
 *
 * Markup it reads: form[data-audience] with data-count-url, and the parts [data-live-count], -noun, -sample, -note.
 */
const form = document.querySelector("form[data-audience]");
const part = (name) => form.querySelector(`[data-live-${name}]`);
const PAUSE = 300;
let waiting = 0;
let asking;

form.querySelector("[data-count]").hidden = true; // it counts by itself

const entry = (customer) => {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `/console/customers/${customer.id}/`;
  link.textContent = customer.name;
  const more = document.createElement("small");
  more.className = "muted";
  more.textContent = customer.reference;
  item.append(link, " ", more);
  return item;
};

function show({ count, sample, problem }) {
  part("count").textContent = problem ? "" : count.toLocaleString("en");
  part("noun").textContent = problem ? "" : count === 1 ? "customer" : "customers";
  part("sample").replaceChildren(...(sample ?? []).map(entry));
  part("note").textContent = problem ?? (count ? "Five of them, from all over the list." : "Nobody fits. Leave something out.");
}

async function look() {
  asking?.abort();
  asking = new AbortController();
  try {
    const answer = await fetch(form.dataset.countUrl, { method: "POST", body: new FormData(form), signal: asking.signal });
    if (answer.ok) show(await answer.json());
  } catch {
    // A newer question is on its way, or the network is away: what stands here is still what was true.
  }
}

form.addEventListener("input", (event) => {
  if (event.target.name === "name") return;
  clearTimeout(waiting);
  waiting = setTimeout(look, PAUSE);
});
