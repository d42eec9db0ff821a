// The only strings that a page makes more of than text. By the policy of every answer (Trusted Types) nothing else may become markup
// or the address of a script, whatever is given to it: a mistake elsewhere throws instead of running.

const WORKER = "/inbox/sw.js";
const policy = globalThis.trustedTypes?.createPolicy("ebb", { createHTML: (html) => html, createScriptURL: () => WORKER });

/** → a document of its own, where nothing loads and nothing runs. */
export const inert = (html) => new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");

/** The inbox's service worker; there is no other. */
export const register = () => navigator.serviceWorker.register(policy ? policy.createScriptURL("") : WORKER, { scope: "/inbox/" });
