"""A made-up phone for the demo's past: a real key pair, enrolled and acknowledging through the real flows."""

from base64 import urlsafe_b64encode
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from messaging.flows import enrolment, receipt
from messaging.rules import proof
from portal.kernel import actors

HOST = "demo.invalid"  # the statement that is signed names a host; this phone never connects


def enrol(by: actors.Actor, now: datetime, customer_id: UUID) -> actors.Actor:
    """Enrol a phone for one customer; returns it as an actor."""
    key = ec.generate_private_key(ec.SECP256R1())
    issued = enrolment.issue(actor=by, now=now, customer_id=customer_id, send_by="show")
    token = str(issued.url).rsplit("/", 1)[-1]
    redeemed = enrolment.redeem(
        now=now, host=HOST, secret=token, public_key=_jwk(key), name="Phone", source="demo",
        signature=_sign(key, proof.enrol(HOST, token)),
    )  # fmt: skip
    return actors.device(redeemed.device_id, frozenset({customer_id}))


def read(phone: actors.Actor, now: datetime, message_id: UUID) -> None:
    """Delivered and read, some minutes after it was sent."""
    if phone.id is None:
        return
    receipt.delivered(acks=[receipt.Ack(message_id, phone.id, now)])
    receipt.read(actor=phone, now=now, message_id=message_id)


def _jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": _text(numbers.x.to_bytes(32)), "y": _text(numbers.y.to_bytes(32))}


def _sign(key: ec.EllipticCurvePrivateKey, statement: bytes) -> str:
    r, s = utils.decode_dss_signature(key.sign(statement, ec.ECDSA(hashes.SHA256())))
    return _text(r.to_bytes(32) + s.to_bytes(32))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
