// Passkeys: what an authenticator is asked, and its answer as text. The inbox's app lock and the staff's sign-in speak it alike.

const KINDS = [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -257 }];
const TIMEOUT = 55_000;

/** A new one. user: {id: bytes, name}; known: ids of those that are enrolled already. */
export async function create(challenge, user, known = []) {
  const { rawId, response } = await navigator.credentials.create({ publicKey: {
    challenge: bytes(challenge), rp: { name: document.title || location.hostname }, user: { ...user, displayName: user.name },
    pubKeyCredParams: KINDS, excludeCredentials: known.map(named),
    authenticatorSelection: { userVerification: "required" }, attestation: "none", timeout: TIMEOUT,
  } });
  return {
    challenge, credential: base64url(rawId), client_data: base64url(response.clientDataJSON),
    data: base64url(response.getAuthenticatorData()), public_key: base64url(response.getPublicKey()),
  };
}

/** One of `known` answers. */
export async function get(challenge, known) {
  const { rawId, response } = await navigator.credentials.get({ publicKey: {
    challenge: bytes(challenge), allowCredentials: known.map(named), userVerification: "required", timeout: TIMEOUT,
  } });
  return {
    challenge, credential: base64url(rawId), client_data: base64url(response.clientDataJSON),
    data: base64url(response.authenticatorData), signature: base64url(response.signature),
  };
}

const named = (id) => ({ type: "public-key", id: bytes(id) });

function bytes(text64) {
  return Uint8Array.from(atob(text64.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
}

function base64url(buffer) {
  const raw = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(raw).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
