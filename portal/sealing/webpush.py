"""Web push: a notice that only one browser can read (RFC 8291, RFC 8188), from a sender that its push service can tell (RFC 8292).

    body  = salt (16) || record size u32 = 4096 || 65 || sender's public key of this one body (65) || box
    box   = AES-128-GCM(key, nonce, plaintext || 2 || zeros), all of it one record
            IKM   = HKDF-SHA256(ECDH, salt = the browser's secret, "WebPush: info" || 0 || browser's key || sender's key)
            key   = HKDF-SHA256(IKM, salt, "Content-Encoding: aes128gcm" || 0)[:16]
            nonce = HKDF-SHA256(IKM, salt, "Content-Encoding: nonce" || 0)[:12]
    token = JWT, ES256: who may be asked about this (`sub`), for which service (`aud`), until when (`exp`)

Padded to whole blocks, so that the length of a body does not tell one saying from another.
"""

import base64
import hmac
import json
import os
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from portal.sealing import errors

PRIVATE_BYTES, PUBLIC_BYTES, SECRET_BYTES, SALT_BYTES = 32, 65, 16, 16
RECORD_SIZE = 4096
BLOCK = 512  # bytes a body's plaintext is padded to
TOPIC_BYTES = 24  # 32 characters of base64url: the most that RFC 8030 allows
TOPIC_LABEL = b"ebb/v1/push-topic/"
_CURVE = ec.SECP256R1()


@dataclass(frozen=True)
class Browser:
    """What a browser hands out to be pushed to: its public key (65 bytes, uncompressed) and its secret (16)."""

    public: bytes
    secret: bytes


@dataclass(frozen=True)
class Sender:
    """The installation's key (VAPID). One for all of its businesses: a subscription is made for this key and takes no other."""

    key: ec.EllipticCurvePrivateKey

    @property
    def public(self) -> bytes:
        return _point(self.key)

    @property
    def name(self) -> str:
        """16 hex digits that tell two keys apart."""
        return hmac.digest(b"ebb/v1/push-key", self.public, "sha256").hex()[:16]

    def authorization(self, *, audience: str, contact: str, until: int) -> str:
        """The header by which a push service knows us: `audience` is its origin, `until` in seconds since the epoch, at most a
        day ahead."""
        head, claims = {"typ": "JWT", "alg": "ES256"}, {"aud": audience, "exp": until, "sub": contact}
        said = f"{_json64(head)}.{_json64(claims)}"
        r, s = utils.decode_dss_signature(self.key.sign(said.encode(), ec.ECDSA(hashes.SHA256())))
        return f"vapid t={said}.{text(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}, k={text(self.public)}"


def sender(private: bytes) -> Sender:
    """From 32 random bytes. Raises `Unsealable` for what is no scalar of the curve (one in four thousand million is none)."""
    try:
        return Sender(ec.derive_private_key(int.from_bytes(private, "big"), _CURVE))
    except ValueError:
        raise errors.Unsealable("This is not a private key of P-256.") from None


def check_public(public: bytes) -> None:
    """Raises `Unsealable` for what is no point of the curve."""
    _load(public)


def seal(browser: Browser, plaintext: bytes) -> bytes:
    """The body of one push, under a key and a salt of its own."""
    return seal_with(browser, pad(plaintext), key=ec.generate_private_key(_CURVE), salt=os.urandom(SALT_BYTES))


def pad(plaintext: bytes) -> bytes:
    """Plaintext, the mark of the last record, zeros up to whole blocks less the tag."""
    return plaintext + b"\x02" + bytes(-(len(plaintext) + 1) % BLOCK)


def seal_with(browser: Browser, padded: bytes, *, key: ec.EllipticCurvePrivateKey, salt: bytes) -> bytes:
    """`seal` with its two random parts given: for vectors only."""
    ours = _point(key)
    shared = key.exchange(ec.ECDH(), _load(browser.public))
    ikm = _derive(shared, browser.secret, b"WebPush: info\x00" + browser.public + ours, 32)
    content_key = _derive(ikm, salt, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derive(ikm, salt, b"Content-Encoding: nonce\x00", 12)
    head = salt + struct.pack(">IB", RECORD_SIZE, len(ours)) + ours
    return head + AESGCM(content_key).encrypt(nonce, padded, None)


def topic(browser: Browser, about: str) -> str:
    """Pushes of one topic that wait at the service are one. It tells the service nothing: only the browser and we can make it."""
    return text(hmac.digest(browser.secret, TOPIC_LABEL + about.encode(), "sha256")[:TOPIC_BYTES])


def text(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _json64(value: dict[str, object] | dict[str, str]) -> str:
    return text(json.dumps(value, separators=(",", ":")).encode())


def _derive(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(key)


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _load(public: bytes) -> ec.EllipticCurvePublicKey:
    if len(public) != PUBLIC_BYTES:
        raise errors.Unsealable(f"A browser's key has {PUBLIC_BYTES} bytes.")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public)
    except ValueError:
        raise errors.Unsealable("This is not a public key of P-256.") from None
