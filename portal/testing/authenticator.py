"""An authenticator of passkeys, written from the specification and not from the code that checks it."""

import hashlib
import json
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Authenticator:
    """What a phone's own one does, written from the specification."""

    def __init__(self, host: str = "acme.localhost") -> None:
        self.rp_id, self.origin = host, f"http://{host}"
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id, self.count, self.flags = b"credential-0001", 0, 0x05

    def client(self, kind: str, challenge: str, **changed: object) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False, **changed}
        return json.dumps(told).encode()

    def data(self, flags: int, more: bytes = b"") -> bytes:
        self.count += 1
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big") + more

    def make(self, challenge: str, **changed: object) -> dict[str, str]:
        point = self.key.public_key().public_numbers()
        cose = (
            b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + point.x.to_bytes(32) + b"\x22\x58\x20" + point.y.to_bytes(32)
        )
        held = bytes(16) + len(self.id).to_bytes(2) + self.id + cose
        spki = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        data = self.data(self.flags | 0x40, held)
        client = self.client("webauthn.create", challenge, **changed)
        return {"challenge": challenge, **texts(client_data=client, data=data, credential=self.id, public_key=spki)}

    def use(self, challenge: str, kind: str = "webauthn.get", **changed: object) -> dict[str, str]:
        data, client = self.data(self.flags), self.client(kind, challenge, **changed)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return {"challenge": challenge, **texts(client_data=client, data=data, signature=signature)}


def texts(**raw: bytes) -> dict[str, str]:
    return {name: urlsafe_b64encode(value).decode().rstrip("=") for name, value in raw.items()}
