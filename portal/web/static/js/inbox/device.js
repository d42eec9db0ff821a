// Leaving nothing behind: the key, its database, the shell's caches and the service worker.

import * as keystore from "./keystore.js";
import * as words from "./words.js";
import { register } from "../trusted.js";

/** Registers the worker and tells it which files this page runs on. */
export async function shell() {
  try {
    await register();
    const { active } = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
    active.postMessage({ keep: [...loaded, new URL("./away.js", import.meta.url).href] });
  } catch {
    // The inbox works without it; only the calm page for "no network" is missing then.
  }
}

/** The key first: without it nothing else here opens anything. */
export async function forgetKey() {
  words.forget();
  await keystore.destroy();
}

export async function forgetShell() {
  try {
    const registrations = (await navigator.serviceWorker?.getRegistrations()) ?? [];
    await Promise.all(registrations.map((one) => one.unregister()));
    await Promise.all((await caches.keys()).map((name) => caches.delete(name)));
  } catch {
    // A browser without them has nothing to forget.
  }
}
