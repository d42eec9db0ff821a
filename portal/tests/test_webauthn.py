"""Passkeys that are none, and those that are rare: refused or taken, never a fault."""

from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from portal.kernel import webauthn
from portal.kernel.errors import Refusal
from portal.testing.authenticator import Authenticator

CHALLENGE = "x" * 43
P256, UNKNOWN = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d03017f")


def register(**changed):
    made = Authenticator()
    site = webauthn.Site(made.rp_id, made.origin)
    told = made.make(CHALLENGE)
    given = {
        name: urlsafe_b64decode(told[name] + "===") for name in ("client_data", "data", "credential", "public_key")
    }
    change = {name: one(given[name]) if callable(one) else one for name, one in changed.items()}
    return webauthn.registered(site=site, challenge=CHALLENGE, **{**given, **change})


def test_as_it_comes_it_is_taken():
    assert register().id == b"credential-0001"


@pytest.mark.parametrize(
    "changed",
    [{"client_data": b"[" * 200_000}, {"public_key": lambda key: key.replace(P256, UNKNOWN)}, {"public_key": b"0"}],
)
def test_what_no_authenticator_makes_is_refused(changed):
    with pytest.raises(Refusal, match="bad_passkey"):
        register(**changed)


def test_an_rsa_key_of_an_odd_length_is_read():
    key = rsa.RSAPublicNumbers(65537, (1 << 2048) + 1).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    number = key.public_numbers().n.to_bytes(257, "big")
    assert register(public_key=spki, data=lambda data: data + number).public_key == spki
