// What this browser keeps: one P-256 key pair that scripts can use and cannot read, and the device's id. Nothing else but
// the tag of a language (words.js), ever: no names, no messages. A non-extractable key still lies in the browser's profile on disk, so it stops a
// script or a stolen cookie, not a copied profile.
//
// "Not my device" holds the key in this module's memory only: it ends with the tab.

const DATABASE = "ebb-device";
const STORE = "device";
const ONLY = "this";

let remembered = null;

export function make() {
  return crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
}

/** The public half as the contract's JWK: the members that make the key, and no others. */
export async function publicJwk(open) {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", open);
  return { kty, crv, x, y };
}

/** → {id, key, open} or null; `key` signs, `open` is its public half. A browser that cleared its storage, or never had any, is a normal answer. */
export async function load() {
  if (remembered) return remembered;
  try {
    return (await transact("readonly", (store) => store.get(ONLY))) ?? null;
  } catch {
    return null;
  }
}

/** Keeps the device, on disk if `keep` and if the browser lets us. → whether it will be here tomorrow. */
export async function save({ id, key, open, keep }) {
  remembered = { id, key, open };
  if (!keep) return false;
  try {
    await transact("readwrite", (store) => store.put({ id, key, open }, ONLY));
    navigator.storage?.persist?.().catch(() => {});
    return true;
  } catch {
    return false;
  }
}

/** Deletes the key and the database that held it; answers when it is done, or after half a second when another tab
 *  holds the database open (the row itself is gone by then). */
export async function destroy() {
  remembered = null;
  try {
    await transact("readwrite", (store) => store.clear());
  } catch {
    // Storage that is already gone is what was asked for.
  }
  await new Promise((done) => {
    const request = indexedDB.deleteDatabase(DATABASE);
    request.onsuccess = request.onerror = done;
    setTimeout(done, 500);
  });
}

async function transact(mode, act) {
  const database = await connect();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

function connect() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => reject(request.error);
  });
}
