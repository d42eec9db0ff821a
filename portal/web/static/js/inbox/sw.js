// The service worker of /inbox/: keeps the shell (stylesheets, scripts, pictures) and nothing else.
//
// What it must never do: keep a page, a state, a message, a nonce, or anything with a query. It only ever answers GETs for
// static files whose address names their content, which therefore never grow old; a page that is open says which of them it
// runs on, and all others go. Without a network it says so calmly. What is pushed to it says that there is a message and from
// whom: it is shown and not kept, and a click on it opens the inbox.

const SHELL = "ebb-shell-2";
const KEPT = new Set(["style", "script", "image", "font", "manifest"]);
const STATIC = /^\/static\/[0-9a-f]{12}\//;

self.addEventListener("install", (event) => event.waitUntil(self.skipWaiting()));

self.addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name !== SHELL) await caches.delete(name);
  await self.clients.claim();
})()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(away));
  else if (KEPT.has(request.destination) && isShell(request.url)) event.respondWith(shell(request));
});

self.addEventListener("message", (event) => {
  if (Array.isArray(event.data?.keep)) event.waitUntil(keep(event.data.keep.filter(isShell)));
});

self.addEventListener("push", (event) => event.waitUntil(tell(event.data)));

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(enter());
});

// Browsers take the permission away from a worker that shows nothing, so what it cannot read it shows as "a message".
function tell(data) {
  let told = null;
  try {
    told = data?.json();
  } catch {
    // Not from us, or of another release.
  }
  const title = typeof told?.title === "string" && told.title ? told.title : WORDS[spoken()][3];
  const tag = ["device", "ended"].includes(told?.about) ? told.about : "messages";
  return self.registration.showNotification(title, { tag, renotify: true, dir: "auto" });
}

// Always the inbox itself: nothing that was pushed names an address.
async function enter() {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const here = pages.find((page) => new URL(page.url).pathname === "/inbox/");
  return here ? here.focus() : self.clients.openWindow("/inbox/");
}

// By where it lies: never below /inbox/ (messages, attachments) or /api/.
function isShell(address) {
  const url = new URL(address, self.location);
  return url.origin === self.location.origin && STATIC.test(url.pathname) && !url.search;
}

// A browser that is full keeps nothing more, and shows the page all the same.
async function shell(request) {
  const cache = await caches.open(SHELL).catch(() => null);
  const kept = await cache?.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (isOpen(response)) await cache?.put(request, response.clone()).catch(() => {});
  return response;
}

// A release leaves the addresses of the last one behind.
async function keep(addresses) {
  const cache = await caches.open(SHELL);
  const wanted = new Set(addresses.map((address) => new URL(address, self.location).href));
  for (const { url } of await cache.keys()) {
    if (!wanted.delete(url)) await cache.delete(url);
  }
  await Promise.all([...wanted].map(async (address) => {
    const response = await fetch(address).catch(() => null);
    if (response && isOpen(response)) await cache.put(address, response).catch(() => {});
  }));
}

function isOpen(response) {
  return response.ok && response.type === "basic" && !/no-store/.test(response.headers.get("Cache-Control") ?? "");
}

const WORDS = {
  en: ["No connection", "This device keeps no messages. They come back with the connection.", "Try again", "You have a message"],
  de: ["Keine Verbindung", "Dieses Gerät bewahrt keine Nachrichten auf. Sie kommen mit der Verbindung zurück.", "Noch einmal versuchen", "Sie haben eine Nachricht"],
  es: ["Sin conexión", "Este dispositivo no guarda mensajes. Vuelven con la conexión.", "Intentar de nuevo", "Tiene un mensaje"],
  fr: ["Pas de connexion", "Cet appareil ne garde aucun message. Ils reviennent avec la connexion.", "Réessayer", "Vous avez un message"],
  ar: ["لا يوجد اتصال", "لا يحتفظ هذا الجهاز بأي رسائل. تعود مع الاتصال.", "حاول مرة أخرى", "لديك رسالة"],
  nl: ["Geen verbinding", "Dit apparaat bewaart geen berichten. Ze komen terug met de verbinding.", "Opnieuw proberen", "U hebt een bericht"],
};

function spoken() {
  const tags = (self.navigator.languages ?? []).map((tag) => tag.toLowerCase().split("-")[0]);
  return tags.find((tag) => tag in WORDS) ?? "en";
}

// Made here of these words alone, so that no page with anybody's name in it is ever kept.
async function away() {
  const kept = (await (await caches.open(SHELL)).keys()).map((request) => new URL(request.url).pathname);
  const sheets = kept.filter((path) => path.endsWith(".css"));
  const scripts = kept.filter((path) => path.endsWith("/inbox/away.js"));
  const language = spoken();
  const [title, words, again] = WORDS[language];
  const page = `<!doctype html><html lang="${language}" dir="${language === "ar" ? "rtl" : "ltr"}"><meta charset="utf-8">`
    + `<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">`
    + `<title>${title}</title>${sheets.map((path) => `<link rel="stylesheet" href="${path}">`).join("")}`
    + `${scripts.map((path) => `<script type="module" src="${path}"></script>`).join("")}<body>`
    + `<div class="inbox"><div></div><main class="inbox-main"><section class="calm"><h1>${title}</h1><p>${words}</p>`
    + `<a class="button" href="/inbox/">${again}</a></section></main></div>`;
  return new Response(page, {
    status: 503,
    headers: {
      "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store",
      "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'",
    },
  });
}
