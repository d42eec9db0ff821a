// The same acts over HTTP, each with a proof of its own: for states between two wake-ups, and where sockets are
// blocked. Nothing is cached, and no answer outlives the call.

import * as pass from "./pass.js";
import * as proof from "./proof.js";

/** What the server, or the way to it, said instead. `status` 0: the server was not reached. */
export class Answer extends Error {
  constructor(status, problem = {}) {
    super(problem.detail ?? problem.title ?? "");
    this.status = status;
    this.code = problem.code ?? "";
    this.problem = problem;
  }
}

/** One proved request. → the parsed answer, or null when it has no body. Throws Answer. */
export async function ask(device, method, path, value) {
  const body = new TextEncoder().encode(value === undefined ? "" : JSON.stringify(value));
  return request(method, path, body.length ? body : undefined, await proved(device, method, path, body));
}

/** The headers of one proved request. */
async function proved(device, method, path, body) {
  const held = pass.get(); // as it is now: a page that closes forgets it while this is under way
  const { nonce } = await plain("GET", "/inbox/nonce");
  const headers = { "Ebb-Proof": await proof.http(device, { nonce, method, path, body }) };
  if (held) headers["Ebb-Pass"] = held;
  return headers;
}

/** A file of a message, proved like any request. → Uint8Array. Throws Answer, also when it broke off at the message's end. */
export async function bytes(device, path) {
  const headers = await proved(device, "GET", path, new Uint8Array());
  const response = await reach(path, { method: "GET", headers, signal: AbortSignal.timeout(120_000) });
  if (!response.ok) throw new Answer(response.status, (await response.json().catch(() => null)) ?? {});
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch {
    throw new Answer(0);
  }
}

/** A file, proved over every byte of the form it goes in. progress(0 … 1); `signal` calls it off. → the parsed answer. Throws
 *  Answer. `fetch` tells nothing of what has gone up. */
export async function upload(device, path, file, { progress, signal }) {
  const form = new FormData();
  form.set("file", file);
  const packed = new Response(form);
  const body = new Uint8Array(await packed.arrayBuffer());
  const headers = await proved(device, "POST", path, body);
  headers["Content-Type"] = packed.headers.get("Content-Type");
  return new Promise((resolve, reject) => {
    const way = new XMLHttpRequest();
    way.open("POST", path);
    way.responseType = "json";
    for (const name in headers) way.setRequestHeader(name, headers[name]);
    way.upload.onprogress = ({ loaded, total }) => progress(loaded / total);
    way.onload = () => (way.status === 201 ? resolve(way.response) : reject(new Answer(way.status, way.response ?? {})));
    way.onerror = way.onabort = () => reject(new Answer(0));
    if (signal.aborted) return reject(new Answer(0));
    signal.addEventListener("abort", () => way.abort());
    way.send(body);
  });
}

/** A request before there is a device: enrolment, recovery, nonces. */
export function plain(method, path, value) {
  return request(method, path, value === undefined ? undefined : JSON.stringify(value), {});
}

async function request(method, path, body, headers) {
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await reach(path, {
    method, body, headers: { Accept: "application/json", ...headers }, signal: AbortSignal.timeout(20_000),
  });
  const parsed = await response.json().catch(() => null);
  if (!response.ok) throw new Answer(response.status, parsed ?? {});
  return parsed;
}

async function reach(path, options) {
  try {
    return await fetch(path, { cache: "no-store", credentials: "same-origin", redirect: "error", ...options });
  } catch {
    throw new Answer(0);
  }
}
