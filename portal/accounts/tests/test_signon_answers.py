"""Answers of a sign-in provider that are not believed, each by its reason, and providers that are down, slow, endless or inside."""

import hmac
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from django.db import connections
from joserfc import jwt
from joserfc.jwk import RSAKey

from portal.accounts import provider
from portal.accounts.flows import signon
from portal.accounts.models import StaffPolicy
from portal.accounts.rules import oidc
from portal.accounts.tests.conftest import BACK, GO, PAGE, is_in, refused
from portal.kernel import clock
from portal.testing import browser, openid

# ── the token ─────────────────────────────────────────────────────────────────────────────────────────────────────────
HOUR = 3600


def _public_pem(key):
    return key.public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip


def _hs256(secret):
    def forge(header, claims):
        header = {**header, "alg": "HS256"}
        signed = openid.compact(header, claims).rpartition(".")[0]
        return openid.compact(header, claims, hmac.digest(secret, signed.encode(), "sha256"))

    return forge


BAD = {
    "wrong nonce": ("wrong_nonce", {"nonce": "another"}),
    "no nonce": ("claim_missing", {"nonce": None}),
    "wrong issuer": ("wrong_issuer", {"iss": "https://evil.example"}),
    "wrong audience": ("wrong_audience", {"aud": "another-client"}),
    "another audience beside": ("wrong_audience", {"aud": [openid.CLIENT, "another-client"]}),
    "given to another": ("wrong_audience", {"azp": "another-client"}),
    "no expiry": ("claim_missing", {"exp": None}),
    "an expiry that is no number": ("token_expired", {"exp": "tomorrow"}),
    "no subject": ("claim_missing", {"sub": None}),
}


@pytest.mark.parametrize("name", BAD)
def test_claims_that_are_not_for_us(it, name):
    why, claims = BAD[name]
    it.there.claims = claims
    client, answer = it.come(it.someone())
    refused(it, answer, client, why)


def test_a_token_of_another_time(it):
    now = int(clock.now().timestamp())
    for why, claims in (
        ("token_expired", {"iat": now - HOUR, "exp": now - 61}),
        ("token_early", {"iat": now + HOUR, "exp": now + 2 * HOUR}),
        ("token_early", {"nbf": now + HOUR}),
    ):
        it.there.claims = claims
        client, answer = it.come(it.someone())
        refused(it, answer, client, why)
    it.there.claims = {"iat": now + 30, "exp": now - 30}  # clocks may differ by a minute
    assert is_in(it.come(it.someone())[0])


def test_tokens_that_nobody_signed(it):
    honest = it.there.key
    forgeries = {
        "none": (lambda header, claims: openid.compact({**header, "alg": "none"}, claims), "wrong_algorithm"),
        "None": (lambda header, claims: openid.compact({**header, "alg": "None"}, claims), "wrong_algorithm"),
        "HS256 by the public key": (_hs256(_public_pem(honest)), "wrong_algorithm"),
        "HS256 by the published key": (_hs256(json.dumps(honest.as_dict(private=False)).encode()), "wrong_algorithm"),
        "HS256 by the client's secret": (_hs256(openid.SECRET.encode()), "wrong_algorithm"),
        "no signature": (openid.compact, "wrong_signature"),
        "another key": (
            lambda header, claims: jwt.encode(header, claims, RSAKey.generate_key(2048), ["RS256"]), "wrong_signature",
        ),
        "an unknown key": (
            lambda header, claims: jwt.encode({**header, "kid": "x"}, claims, honest, ["RS256"]), "unknown_key",
        ),
        "its own key inside": (_with_its_own_key, "wrong_signature"),
        "not a token": (lambda header, claims: "a.b", "token_unreadable"),
        "a critical part that we do not know": (
            lambda header, claims: openid.compact({**header, "crit": ["b65"], "b65": 1}, claims), "token_unreadable",
        ),
        "nothing": (lambda header, claims: "", "no_id_token"),
    }  # fmt: skip
    for name, (forge, why) in forgeries.items():
        it.there.forge = forge
        client, answer = it.come(it.someone())
        assert it.told("staff.sign_in_refused")[-1].codes["why"] == why, name
        refused(it, answer, client, why)


def _with_its_own_key(header, claims):
    """`jwk` in the header is nobody's word but the forger's."""
    own = RSAKey.generate_key(2048)
    return jwt.encode({**header, "jwk": own.as_dict(private=False)}, claims, own, ["RS256"])


@pytest.mark.filterwarnings("ignore:Key size")
def test_a_weak_key_is_no_key(it):
    it.there.key = _weak_key()
    client, answer = it.come(it.someone())
    refused(it, answer, client, "unknown_key")


def _weak_key():
    from cryptography.hazmat.primitives.asymmetric import rsa

    pem = rsa.generate_private_key(65537, 1024).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return RSAKey.import_key(pem, {"kid": "weak"})


def test_userinfo_about_somebody_else(it):
    email = it.someone()
    it.there.person = {"sub": "another", "email": email, "email_verified": True}
    client, answer = it.come(email, email=None, email_verified=None)
    refused(it, answer, client, "wrong_subject")


# ── the provider ──────────────────────────────────────────────────────────────────────────────────────────────────────
JUNK = {
    "not json": b"<html>", "a list": b"[]", "deep": b"[" * 60_000, "a huge number": b'{"keys": ' + b"9" * 5000 + b"}",
    "no keys": b"{}",
}  # fmt: skip


@pytest.mark.parametrize("junk", JUNK)
def test_answers_that_are_none(it, junk):
    for path in ("/jwks", "/token") if junk != "no keys" else ("/jwks",):
        it.there.instead = {path: (200, JUNK[junk])}
        client, answer = it.come(it.someone())
        assert answer.status_code == 401, path
        assert not is_in(client)
        assert it.told("staff.sign_in_refused")[-1].codes["why"] in {"answer_unreadable", "no_id_token"}


def test_a_huge_answer_is_not_read(it):
    for path in ("/jwks", "/token"):
        it.there.instead = {path: (200, b"{" + b" " * 10_000_000 + b"}")}
        client, answer = it.come(it.someone())
        refused(it, answer, client, "answer_too_large")


def test_a_provider_that_is_down_or_hangs_or_fails(it, settings):
    client, location = it.go()
    it.there.instead = {openid.CONFIGURATION: (503, b"")}
    refused(it, client.get(BACK, it.there.vouch(location, sub="x")), client, "provider_away")
    it.there.instead = {}
    settings.EBB_PROVIDER_SECONDS = 2
    it.there.sleeps = {"/token"}
    client, answer = it.come(it.someone())
    refused(it, answer, client, "provider_slow")
    it.there.awake.set()
    with it.cast.inside():
        StaffPolicy.objects.update(issuer=f"https://localhost:{_free_port()}")
    client = browser.visitor(it.cast)
    refused(it, client.get(GO), client, "provider_away")


def test_one_that_hangs_keeps_no_more_than_a_few(it, settings):
    """Four wait; the fifth is told at once."""
    settings.EBB_PROVIDER_SECONDS = 30
    it.there.sleeps = {openid.CONFIGURATION}

    def begin(_):
        try:
            return browser.visitor(it.cast).get(GO).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(provider.AT_ONCE) as pool:
        waiting = [pool.submit(begin, number) for number in range(provider.AT_ONCE)]
        while len(it.there.asked) < provider.AT_ONCE:
            assert not any(one.done() for one in waiting)
        client = browser.visitor(it.cast)
        refused(it, client.get(GO), client, "provider_busy")
        it.there.awake.set()
        assert [one.result() for one in waiting] == [302] * provider.AT_ONCE


def test_a_certificate_that_is_not_its_own(it, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    client = browser.visitor(it.cast)
    refused(it, client.get(GO), client, "provider_away")


def test_it_leads_nowhere_inside(it, settings):
    """A name that turns inwards after it was saved; addresses in its configuration that do."""
    inside = {"token_endpoint": "https://10.0.0.8/token"}
    it.there.says = {openid.CONFIGURATION: inside}
    client = browser.visitor(it.cast)
    refused(it, client.get(GO), client, "address_inside")
    it.there.says = {}
    settings.EBB_CALL_INSIDE = ["10.99.0.0/16"]
    client = browser.visitor(it.cast)
    refused(it, client.get(GO), client, "address_inside")


SPOILT = {
    "wrong_issuer": {"issuer": "https://evil.example"}, "no_pkce": {"code_challenge_methods_supported": ["plain"]},
    "no_code_flow": {"response_types_supported": ["id_token"]}, "bad_endpoint": {"token_endpoint": "http://localhost/token"},
}  # fmt: skip


@pytest.mark.parametrize("why", SPOILT)
def test_a_configuration_that_is_not_good(it, why):
    it.there.says = {openid.CONFIGURATION: SPOILT[why]}
    client = browser.visitor(it.cast)
    refused(it, client.get(GO), client, why)
    owner = browser.staff(it.cast, "owner")
    answer = owner.post(PAGE + "change", {"issuer": it.there.issuer, "client_id": "x", "secret": ""})
    assert answer.status_code == 422
    assert answer.context["errors"] == {"issuer": oidc.WHY[why]}


def test_who_answered_is_said_in_the_answer(it):
    """RFC 9207: another issuer, or none from one that says that it names itself."""
    for issuer in ("https://evil.example", None):
        client, location = it.go()
        email = it.someone()
        brought = it.there.vouch(location, sub=email, email=email, email_verified=True) | {"iss": issuer}
        answer = client.get(BACK, {name: value for name, value in brought.items() if value})
        refused(it, answer, client, "wrong_issuer")


def test_the_provider_says_no(it):
    client, location = it.go()
    state = parse_qs(urlsplit(location).query)["state"][0]
    words = "<script>alert(1)</script>"
    answer = client.get(BACK, {
        "error": "access_denied", "error_description": words, "state": state, "iss": it.there.issuer,
    })  # fmt: skip
    refused(it, answer, client, "said_no")
    assert b"alert(1)" not in answer.content


def test_a_wrong_secret(it):
    with it.cast.inside():
        StaffPolicy.objects.filter(id=1).first()
        signon.change(
            actor=it.cast.owner, now=clock.now(), issuer=it.there.issuer, client_id=openid.CLIENT, secret="wrong"
        )
    client, answer = it.come(it.someone())
    refused(it, answer, client, "client_refused")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
