"""What a device signs, and whether it did. ECDSA over P-256 with SHA-256, raw r‖s (64 bytes), base64url without
padding.

    ebb/v1/enrol  \\n host \\n token or code
    ebb/v1/socket \\n host \\n device \\n nonce
    ebb/v1/wiped  \\n host \\n device \\n wipe
    ebb/v1/http   \\n host \\n device \\n nonce \\n METHOD \\n path with query \\n hex SHA-256 of the body

Each statement names its use, the host and the device, so that a signature given for one thing is worth nothing for
another.
"""

import base64
import binascii
import hashlib
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from portal.kernel.errors import Kind, Refusal

POINT_BYTES = 65  # uncompressed: 0x04, x, y
SIGNATURE_BYTES = 64
_HALF = 32
_CURVE = ec.SECP256R1()
_SCHEME = ec.ECDSA(hashes.SHA256())


def bad_key() -> Refusal:
    return Refusal("bad_public_key", "The public key must be a P-256 key as a JWK.", field="public_key")


def not_proved() -> Refusal:
    """One answer for every wrong proof: it tells nothing about which part was wrong."""
    return Refusal("not_proved", "This device did not prove its key.", Kind.UNAUTHENTICATED)


def enrol(host: str, secret: str) -> bytes:
    return _statement("enrol", host, secret)


def socket(host: str, device: UUID, nonce: str) -> bytes:
    return _statement("socket", host, str(device), nonce)


def wiped(host: str, device: UUID, wipe: UUID) -> bytes:
    return _statement("wiped", host, str(device), str(wipe))


def http(host: str, device: UUID, nonce: str, method: str, path: str, body: bytes) -> bytes:
    return _statement("http", host, str(device), nonce, method, path, hashlib.sha256(body).hexdigest())


def point(jwk: object) -> bytes:
    """The uncompressed point of a public JWK (RFC 7517, 7518 §6.2). A private member is refused: nobody may send
    one."""
    if not isinstance(jwk, dict) or jwk.get("kty") != "EC" or jwk.get("crv") != "P-256" or "d" in jwk:
        raise bad_key()
    x, y = _decode(jwk.get("x")), _decode(jwk.get("y"))
    if len(x) != _HALF or len(y) != _HALF:
        raise bad_key()
    raw = b"\x04" + x + y
    try:
        _load(raw)
    except ValueError as error:  # not on the curve
        raise bad_key() from error
    return raw


def verify(public: bytes, statement: bytes, signature: object) -> None:
    """Nothing, or `not_proved`."""
    raw = _decode(signature)
    if len(raw) != SIGNATURE_BYTES:
        raise not_proved()
    r, s = int.from_bytes(raw[:_HALF], "big"), int.from_bytes(raw[_HALF:], "big")
    try:
        _load(bytes(public)).verify(utils.encode_dss_signature(r, s), statement, _SCHEME)
    except InvalidSignature as error:
        raise not_proved() from error


def signature_bytes(signature: str) -> bytes:
    return _decode(signature)


def _statement(use: str, *lines: str) -> bytes:
    return "\n".join((f"ebb/v1/{use}", *lines)).encode()


def _load(raw: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, raw)


def _decode(text: object) -> bytes:
    if not isinstance(text, str) or len(text) > 200 or not text.isascii():
        return b""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return b""
