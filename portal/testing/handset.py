"""A customer's device as tests drive it: a P-256 key and the statements of the contract, written here independently of the
product's own `rules.proof`, so that a mistake there is found."""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Handset:
    """`host` as the Host header carries it; `device` and `cookie` are known after enrolment."""

    host: str
    device: str = ""
    cookie: str = ""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def jwk(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        return {"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)}

    def sign(self, *lines: str) -> str:
        """Raw r‖s over the lines joined by newlines."""
        der = self.key.sign("\n".join(lines).encode(), ec.ECDSA(hashes.SHA256()))
        r, s = utils.decode_dss_signature(der)
        return b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def enrolment(self, secret: str, name: str = "Test phone", kind: str = "token") -> dict[str, object]:
        """The body of POST /inbox/enrol."""
        proof = self.sign("ebb/v1/enrol", self.host, secret)
        return {kind: secret, "public_key": self.jwk, "name": name, "proof": proof}

    def socket_proof(self, nonce: str) -> str:
        return self.sign("ebb/v1/socket", self.host, self.device, nonce)

    def wiped_proof(self, wipe: str) -> str:
        return self.sign("ebb/v1/wiped", self.host, self.device, wipe)

    def http_proof(self, nonce: str, method: str, path: str, body: bytes = b"") -> str:
        """The value of the Ebb-Proof header."""
        digest = hashlib.sha256(body).hexdigest()
        return f"{nonce}.{self.sign('ebb/v1/http', self.host, self.device, nonce, method, path, digest)}"
