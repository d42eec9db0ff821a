// What a device signs. Each string names its use, the host and the device, so that a signature given for one thing
// at one business is worth nothing for another.
//
//   ebb/v1/enrol  \n host \n token or code
//   ebb/v1/socket \n host \n device \n nonce
//   ebb/v1/wiped  \n host \n device \n wipe
//   ebb/v1/http   \n host \n device \n nonce \n METHOD \n path with query \n hex SHA-256 of the body
//
// ECDSA over P-256 with SHA-256; WebCrypto already answers raw r‖s; base64url without padding.

const encoder = new TextEncoder();
const host = () => location.host.toLowerCase();

export function enrol(key, secret) {
  return sign(key, ["ebb/v1/enrol", host(), secret]);
}

export function socket(device, nonce) {
  return sign(device.key, ["ebb/v1/socket", host(), device.id, nonce]);
}

/** What this device's clock is set to: told at each connection, for the list of devices. */
export function zone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
}

export function wiped(device, wipe) {
  return sign(device.key, ["ebb/v1/wiped", host(), device.id, wipe]);
}

/** → the value of the `Ebb-Proof` header. `body` is the exact bytes that will be sent. */
export async function http(device, { nonce, method, path, body }) {
  const digest = hex(await crypto.subtle.digest("SHA-256", body));
  return `${nonce}.${await sign(device.key, ["ebb/v1/http", host(), device.id, nonce, method, path, digest])}`;
}

async function sign(key, lines) {
  const data = encoder.encode(lines.join("\n"));
  return base64url(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, data));
}

function base64url(buffer) {
  const raw = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(raw).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function hex(buffer) {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
