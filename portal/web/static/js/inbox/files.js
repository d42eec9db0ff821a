// The files of messages: a picture is shown where it stands, a PDF is saved when somebody asks for it.
//
// Pictures are kept in memory as data: addresses and nowhere else: a browser may put a Blob on the disk of its profile. They go
// with their message, with `clear()`, and with the tab. What somebody saves is a file of the phone's own, and the page says so.

import * as http from "./http.js";
import * as store from "./store.js";

const held = new Map(); // "message/file" → data: address
const asked = new Map(); // the same → a promise under way

const name = (message, file) => `${message.id}/${file.id}`;
const path = (message, file) => `/inbox/messages/${message.id}/attachments/${file.id}`;

export const isPicture = (file) => file.type.startsWith("image/");

/** What is known of a picture already, or null. */
export const known = (message, file) => held.get(name(message, file)) ?? null;

/** → a data: address. Asked for once, however often a message is drawn; one that ended meanwhile is not kept. */
export function picture(device, message, file) {
  const key = name(message, file);
  if (!asked.has(key)) asked.set(key, load(device, message, file).finally(() => asked.delete(key)));
  return asked.get(key);
}

async function load(device, message, file) {
  const url = await fetched(device, message, file);
  if (!store.get(message.id)) throw new http.Answer(404, { code: "not_found" });
  held.set(name(message, file), url);
  return url;
}

/** → a data: address that is remembered nowhere. */
export async function fetched(device, message, file) {
  return `data:${file.type};base64,${base64(await http.bytes(device, path(message, file)))}`;
}

/** Hands a file to the browser, to be kept by whoever holds the phone. */
export async function save(device, message, file) {
  give(new Blob([await http.bytes(device, path(message, file))], { type: "application/octet-stream" }), file.name);
}

export function give(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Pictures whose message is not here any more. */
export function sweep() {
  for (const key of held.keys()) if (!store.get(key.split("/")[0])) held.delete(key);
}

export function clear() {
  held.clear();
  asked.clear();
}

function base64(bytes) {
  const parts = [];
  for (let at = 0; at < bytes.length; at += 0x8000) parts.push(String.fromCharCode(...bytes.subarray(at, at + 0x8000)));
  return btoa(parts.join(""));
}
