// The page's own words in the customer's language; the business's words are never touched.
//
// Only the one book that is needed is fetched. The server names the language (`<meta name="ebb-language">`): the one this
// browser was last told to use, else what the browser asks for. Once the business says which it writes to this customer in,
// the page changes to it and remembers its tag in a cookie, the only thing it keeps beside the key.

const BOOKS = new Set(["ar", "de", "en", "es", "fr", "nl"]);
const RIGHT_TO_LEFT = new Set(["ar"]);
const COOKIE = "__Host-ebb-language";

export const BUSINESS = document.querySelector("[data-business]")?.dataset.business ?? "";

export let language = "";
export let region = ""; // en-GB says 14:02 where en-US says 2:02 PM; ar-MA counts 12 where ar-EG counts ١٢
let book = {};
let faces = {};

await use(choose());

function choose() {
  const wished = [document.querySelector("meta[name=ebb-language]")?.content, ...(navigator.languages ?? [])];
  return wished.map(known).find(Boolean) ?? "en";
}

function known(tag) {
  const short = (tag ?? "").toLowerCase().split("-")[0];
  return BOOKS.has(short) ? short : null;
}

async function use(chosen) {
  book = (await import(`./words/${chosen}.js`)).default;
  language = chosen;
  // Of the reader's own regions the one that fits the language.
  region = (navigator.languages ?? []).find((tag) => known(tag) === language) ?? language;
  faces = {};
}

/** The business writes to this customer in `tag`. English may only mean that nobody asked, so it changes nothing.
 *  → whether the page has to be drawn anew. */
export async function heed(tag) {
  const told = known(tag);
  if (!told || told === language || told === "en") return false;
  await use(told);
  remember(told);
  speak();
  return true;
}

function remember(tag) {
  document.cookie = `${COOKIE}=${tag}; path=/; secure; samesite=strict; max-age=34560000`;
}

/** The customer chose: the page comes up anew in it. */
export function settle(tag) {
  remember(tag);
  location.reload();
}

export function forget() {
  document.cookie = `${COOKIE}=; path=/; secure; samesite=strict; max-age=0`;
}

/** say("gone_at", {time}) → a sentence. `{business}` is known to every page; what is counted is a number. */
export function say(key, values = {}) {
  const all = { ...values, business: BUSINESS, host: location.host };
  return (book[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => apart(all[name] ?? ""));
}

// A name, an address or a number keeps its own direction, and turns nothing of the sentence around it (first strong isolate).
function apart(value) {
  const words = typeof value === "number" ? new Intl.NumberFormat(region).format(value) : value;
  return RIGHT_TO_LEFT.has(language) && words ? `\u2068${words}\u2069` : words;
}

/** Digits as the server reads them, whatever keyboard they come from (Arabic, Persian). */
export const digits = (typed) => typed.replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (one) => one.charCodeAt(0) & 15);

/** Speaks what a template left to us: `data-say`, its values in `data-*`; dates and durations by `data-is`. */
export function speak(root = document) {
  document.documentElement.lang = region; // rings count in it, too
  document.documentElement.dir = RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
  for (const node of root.querySelectorAll("[data-duration]")) node.textContent = duration(node.dataset.duration);
  for (const node of root.querySelectorAll("time[data-day]")) node.textContent = day(node.dateTime);
  for (const node of root.querySelectorAll("[data-say]")) {
    const values = { ...node.dataset };
    if (values.until) values.until = day(values.until);
    node.textContent = say(node.dataset.say, values);
  }
}

// --- times, in the reader's zone and language ---

const FACES = {
  clock: { hour: "numeric", minute: "2-digit" },
  day: { day: "numeric", month: "long", year: "numeric" },
  short: { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" },
  week: { weekday: "long", day: "numeric", month: "long" },
  soon: { weekday: "long", hour: "numeric", minute: "2-digit" },
  exact: { dateStyle: "full", timeStyle: "long" },
};

function face(name) {
  return (faces[name] ??= new Intl.DateTimeFormat(region, FACES[name]));
}

export const time = (at) => face("clock").format(new Date(at));
export const exact = (at) => face("exact").format(new Date(at));

/** A calendar day stays that day in every zone; an instant is shown in the reader's. */
export function day(value) {
  const bare = /^\d{4}-\d{2}-\d{2}$/.test(value);
  return face("day").format(bare ? new Date(`${value}T12:00:00`) : new Date(value));
}

/** dated("gone", …) → "Gone from here at 14:02" today, "… on 26 Nov, 14:02" on any other day. */
export function dated(key, at, now) {
  const same = new Date(at).toDateString() === new Date(now).toDateString();
  return same ? say(`${key}_at`, { time: time(at) }) : say(`${key}_on`, { time: face("short").format(new Date(at)) });
}

/** Weekday and time of something to come within a week. */
export const when = (at) => face("soon").format(new Date(at));

/** A heading above the messages of one day. */
export function heading(at, now) {
  const days = Math.round((new Date(now).setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return say("today");
  return days === 1 ? say("yesterday") : face("week").format(new Date(at));
}

const count = (n, unit) =>
  new Intl.NumberFormat(region, { style: "unit", unit, unitDisplay: "long" }).format(n);

const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** Milliseconds in words, rounded down, so that what is promised is really left: "24 hours" and "90 seconds" rather than
 *  "1 day" and "1 minute", unless it is exactly that. */
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [unit, size] = UNITS.find(([, each]) => seconds >= 2 * each || seconds === each) ?? UNITS.at(-1);
  return count(Math.floor(seconds / size), unit);
}

/** Seconds ("300") or an ISO 8601 duration of whole parts ("P7Y", "P1M", "PT12H"). */
export function duration(value) {
  if (/^\d+$/.test(value)) return span(Number(value) * 1000);
  const found = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(value);
  if (!found) return value;
  const units = ["year", "month", "week", "day", "hour", "minute", "second"];
  const parts = units.map((unit, i) => found[i + 1] && count(Number(found[i + 1]), unit)).filter(Boolean);
  return new Intl.ListFormat(region, { type: "unit", style: "long" }).format(parts);
}
