"""Passkeys (WebAuthn Level 3): what an authenticator signed, and whether a person was verified. Pure.

    authenticator data   SHA-256 of the rp id (32) ‖ flags (1) ‖ counter (4) ‖ if AT: AAGUID (16) ‖ length (2) ‖ id ‖ COSE key
    signed               authenticator data ‖ SHA-256 of the client data

A passkey here opens a page of a device that has proved its key already, or stands beside a password, so no attestation is asked
for (it would say of what make the authenticator is). The public key comes as SubjectPublicKeyInfo, as browsers give it, and must be
the one that the authenticator data holds, so no CBOR is read. Checked as in section 7.1 and 7.2 of the specification: type,
challenge, origin, not cross-origin, rp id, user present and verified, the signature, the counter.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from portal.kernel.errors import Kind, Refusal

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
HEAD = 37
ID_AT = HEAD + 16
RSA_BITS = 2048
LONGEST = 2048


@dataclass(frozen=True)
class Site:
    """Whose passkey it is: the host without its port, and the origin of its pages."""

    rp_id: str
    origin: str


@dataclass(frozen=True)
class Passkey:
    id: bytes
    public_key: bytes
    uses: int


def bad_passkey() -> Refusal:
    """One answer for every wrong one."""
    return Refusal("bad_passkey", "This passkey did not open it.", Kind.UNAUTHENTICATED)


def registered(
    *, site: Site, challenge: str, client_data: bytes, data: bytes, credential: bytes, public_key: bytes
) -> Passkey:  # fmt: skip
    """A new passkey, made in answer to `challenge` by an authenticator that verified its user."""
    _check_client(client_data, "webauthn.create", challenge, site)
    uses = _check_data(data, site, ATTESTED)
    size = int.from_bytes(data[ID_AT : ID_AT + 2], "big")
    held, cose = data[ID_AT + 2 : ID_AT + 2 + size], data[ID_AT + 2 + size :]
    if not credential or held != credential or any(number not in cose for number in _numbers(_load(public_key))):
        raise bad_passkey()
    return Passkey(credential, public_key, uses)


def asserted(
    *, site: Site, challenge: str, client_data: bytes, data: bytes, signature: bytes, public_key: bytes, uses: int
) -> int:  # fmt: skip
    """The counter to remember, if the holder of this passkey was verified just now. A counter that does not grow is a copy."""
    _check_client(client_data, "webauthn.get", challenge, site)
    counted = _check_data(data, site, 0)
    _verify(_load(public_key), signature, data + hashlib.sha256(client_data).digest())
    if (counted or uses) and counted <= uses:
        raise bad_passkey()
    return counted


def _check_client(raw: bytes, kind: str, challenge: str, site: Site) -> None:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise bad_passkey() from error
    wanted = {"type": kind, "challenge": challenge, "origin": site.origin}
    if not isinstance(told, dict) or any(told.get(name) != value for name, value in wanted.items()):
        raise bad_passkey()
    if told.get("crossOrigin", False) is not False:
        raise bad_passkey()


def _check_data(data: bytes, site: Site, also: int) -> int:
    """The counter."""
    if not HEAD <= len(data) <= LONGEST:
        raise bad_passkey()
    flags = data[32]
    needed = PRESENT | VERIFIED | also
    rp_id = hashlib.sha256(site.rp_id.encode()).digest()
    if not hmac.compare_digest(data[:32], rp_id) or flags & needed != needed:
        raise bad_passkey()
    return int.from_bytes(data[33:HEAD], "big")


PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def _load(raw: bytes) -> PublicKey:
    """P-256 (ES256) and RSA from 2,048 bits (RS256): what authenticators were asked for."""
    try:
        key = serialization.load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise bad_passkey() from error
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS:
        return key
    raise bad_passkey()


def _numbers(key: PublicKey) -> list[bytes]:
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        return [point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")]
    return [key.public_numbers().n.to_bytes((key.key_size + 7) // 8, "big")]


def _verify(key: PublicKey, signature: bytes, signed: bytes) -> None:
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise bad_passkey() from error
