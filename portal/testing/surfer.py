"""A browser as its push service knows it: a key of its own, a secret, an address at a service that the test owns. It reads what was
pushed with a library that is not ours, and checks who sent it as a service would."""

import base64
import ipaddress
import json
import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import http_ece
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from portal.testing.provider import Got

CURVE = ec.SECP256R1()


@dataclass
class Surfer:
    port: int
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(CURVE))
    secret: bytes = field(default_factory=lambda: os.urandom(16))
    path: str = field(default_factory=lambda: f"/push/{secrets.token_urlsafe(48)}")

    @property
    def endpoint(self) -> str:
        return f"https://localhost:{self.port}{self.path}"

    @property
    def subscription(self) -> dict[str, Any]:
        """As `PushSubscription.toJSON()` writes it."""
        point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        keys = {"p256dh": text(point), "auth": text(self.secret)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}

    def read(self, got: Got) -> dict[str, Any]:
        """What the service worker gets of one push."""
        assert got.headers["content-encoding"] == "aes128gcm"
        opened = http_ece.decrypt(got.body, private_key=self.key, auth_secret=self.secret, version="aes128gcm")
        return json.loads(opened.rstrip(b"\0").removesuffix(b"\x02"))  # type: ignore[no-any-return]


def sender_of(got: Got) -> tuple[str, dict[str, Any]]:
    """The key that signed the token of a push (RFC 8292), checked, and what the token says."""
    token, key = got.headers["authorization"].removeprefix("vapid t=").split(", k=")
    said, _, signature = token.rpartition(".")
    raw = binary(signature)
    both = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    known = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, binary(key))
    known.verify(both, said.encode(), ec.ECDSA(hashes.SHA256()))
    return key, json.loads(binary(said.partition(".")[2]))


def certificate(folder: Path) -> Path:
    """Key and certificate of `localhost`, in one file, which signs itself."""
    key, name = ec.generate_private_key(CURVE), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30)).add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / "push-service.pem"
    pem = serialization.Encoding.PEM
    own = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(own + made.public_bytes(pem))
    return file


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def binary(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
