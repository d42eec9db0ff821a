// What opens this page while the app lock is on: in this module's memory, and nowhere on the disk. Whoever copies the
// browser's profile has the key and the cookie, and not this.

let held = "";

export const get = () => held;

export function set(secret) {
  held = secret ?? "";
}
