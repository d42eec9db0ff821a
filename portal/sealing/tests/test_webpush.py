"""Web push: the vector of RFC 8291, a reader that is not ours, and the token of RFC 8292."""

import base64
import json

import http_ece
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from portal.sealing import errors, webpush

# RFC 8291, section 5 and appendix A
BROWSER = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
BROWSERS_OWN = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
SECRET = "BTBZMqHH6r4Tts7J_aSIgg"
SENDERS_OWN = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
SAID = b"When I grow up, I want to be a watermelon"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95b"
    "Qpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(raw(text), "big"), ec.SECP256R1())


RECEIVER = webpush.Browser(raw(BROWSER), raw(SECRET))


def test_the_vector_of_the_rfc():
    made = webpush.seal_with(RECEIVER, SAID + b"\x02", key=private(SENDERS_OWN), salt=raw(SALT))
    assert webpush.text(made) == BODY


@pytest.mark.parametrize("said", [b"", b"a", SAID, b"x" * 510, b"x" * 511, b"x" * 512])
def test_a_reader_that_is_not_ours_reads_it(said):
    body = webpush.seal(RECEIVER, said)
    opened = http_ece.decrypt(body, private_key=private(BROWSERS_OWN), auth_secret=raw(SECRET), version="aes128gcm")
    assert opened.rstrip(b"\0") in {said, said + b"\x02"}
    assert len(body) % webpush.BLOCK == (16 + 4 + 1 + 65 + 16) % webpush.BLOCK  # the length tells blocks, not letters


def test_no_two_bodies_are_alike():
    first, second = webpush.seal(RECEIVER, SAID), webpush.seal(RECEIVER, SAID)
    assert first[:16] != second[:16]
    assert first[21:86] != second[21:86]


def test_another_browser_reads_nothing():
    body = webpush.seal(RECEIVER, SAID)
    for key, secret in ((ec.generate_private_key(ec.SECP256R1()), raw(SECRET)), (private(BROWSERS_OWN), bytes(16))):
        with pytest.raises(Exception, match=r"(?i)decrypt"):
            http_ece.decrypt(body, private_key=key, auth_secret=secret, version="aes128gcm")


def test_the_service_can_tell_who_sends():
    ours = webpush.sender(raw(SENDERS_OWN))
    header = ours.authorization(audience="https://push.example", contact="mailto:ops@example.org", until=1_900_000_000)
    token, key = header.removeprefix("vapid t=").split(", k=")
    head, claims, signature = (raw(part) for part in token.split("."))
    assert json.loads(head) == {"typ": "JWT", "alg": "ES256"}
    assert json.loads(claims) == {"aud": "https://push.example", "exp": 1_900_000_000, "sub": "mailto:ops@example.org"}
    known = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw(key))
    both = utils.encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    known.verify(both, token.rpartition(".")[0].encode(), ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        known.verify(both, token.rpartition(".")[0].encode() + b"x", ec.ECDSA(hashes.SHA256()))


def test_topics_are_one_for_one_browser_and_tell_nothing():
    other = webpush.Browser(RECEIVER.public, bytes(16))
    first = webpush.topic(RECEIVER, "arrived")
    assert first == webpush.topic(RECEIVER, "arrived")
    assert len({first, webpush.topic(RECEIVER, "reminder"), webpush.topic(other, "arrived")}) == 3
    assert len(first) == 32


@pytest.mark.parametrize("public", [b"", b"\x04" * 65, b"\x04" + bytes(64), b"\x02" * 33])
def test_a_key_that_is_none_is_refused(public):
    with pytest.raises(errors.Unsealable):
        webpush.check_public(public)


@pytest.mark.parametrize("private", [bytes(32), b"\xff" * 32])
def test_a_sender_that_is_none_is_refused(private):
    with pytest.raises(errors.Unsealable):
        webpush.sender(private)
