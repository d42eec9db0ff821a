// The service worker of /inbox/: keeps the shell (stylesheets, scripts, pictures) and nothing else.
//
// What it must never do: keep a page, a state, a message, a nonce, or anything with a query. It only ever answers GETs
// for static files, from the network first, so that an update is seen at once; without a network it says so calmly.

const SHELL = "ebb-shell-1";
const KEPT = new Set(["style", "script", "image", "font"]);

self.addEventListener("install", (event) => event.waitUntil(self.skipWaiting()));

self.addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name !== SHELL) await caches.delete(name);
  await self.clients.claim();
})()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(away));
  else if (isShell(request, url)) event.respondWith(shell(request));
});

// A static file by what asks for it and where it lies: never below /inbox/ (messages, attachments) or /api/.
function isShell(request, url) {
  return KEPT.has(request.destination) && url.pathname.startsWith("/static/") && !url.search;
}

async function shell(request) {
  const cache = await caches.open(SHELL);
  try {
    const response = await fetch(request);
    const open = response.ok && response.type === "basic" && !/no-store/.test(response.headers.get("Cache-Control") ?? "");
    if (open) await cache.put(request, response.clone());
    return response;
  } catch (problem) {
    const kept = await cache.match(request);
    if (kept) return kept;
    throw problem;
  }
}

const WORDS = {
  en: ["No connection", "This device keeps no messages. They come back with the connection.", "Try again"],
  de: ["Keine Verbindung", "Dieses Gerät bewahrt keine Nachrichten auf. Sie kommen mit der Verbindung zurück.", "Noch einmal versuchen"],
  es: ["Sin conexión", "Este dispositivo no guarda mensajes. Vuelven con la conexión.", "Intentar de nuevo"],
  fr: ["Pas de connexion", "Cet appareil ne garde aucun message. Ils reviennent avec la connexion.", "Réessayer"],
  nl: ["Geen verbinding", "Dit apparaat bewaart geen berichten. Ze komen terug met de verbinding.", "Opnieuw proberen"],
};

// Made here of these words alone, so that no page with anybody's name in it is ever kept.
async function away() {
  const kept = await (await caches.open(SHELL)).keys();
  const sheets = kept.map((request) => new URL(request.url).pathname).filter((path) => path.endsWith(".css"));
  const tags = (self.navigator.languages ?? []).map((tag) => tag.toLowerCase().split("-")[0]);
  const language = tags.find((tag) => tag in WORDS) ?? "en";
  const [title, words, again] = WORDS[language];
  const page = `<!doctype html><html lang="${language}"><meta charset="utf-8">`
    + `<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">`
    + `<title>${title}</title>${sheets.map((path) => `<link rel="stylesheet" href="${path}">`).join("")}<body>`
    + `<div class="inbox"><div></div><main class="inbox-main"><section class="calm"><h1>${title}</h1><p>${words}</p>`
    + `<a class="button" href="/inbox/">${again}</a></section></main></div>`;
  return new Response(page, {
    status: 503,
    headers: {
      "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store",
      "Content-Security-Policy": "default-src 'none'; style-src 'self'",
    },
  });
}
