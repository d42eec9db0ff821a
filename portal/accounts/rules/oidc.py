"""Sign-in by a provider of the business's own: what it is asked, and when its answer is believed. Pure.

OpenID Connect Core 1.0 (the code flow, sections 3.1.2 and 3.1.3.7), Discovery 1.0 (4.3), PKCE with S256 (RFC 7636), the issuer in
the answer against mix-ups (RFC 9207). Signatures are joserfc's to check: by the provider's published keys, and by algorithms that
have no shared secret; so neither a token without a signature nor one "signed" with a public key as if it were a password is one.
"""

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from joserfc import errors, jwk, jws, jwt

from portal.kernel import outside
from portal.kernel.errors import Kind, Refusal

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
SHORTEST_RSA = 2048  # bits
SKEW = timedelta(seconds=60)
BEGUN_FOR = timedelta(minutes=10)
LONGEST = 200  # characters of an issuer, a client id
# What says that more than one thing was asked for: RFC 8176; OpenID's EAP; REFEDS; and what came before them.
STRONG_AMR = frozenset({"mfa"})
STRONG_ACR = frozenset({
    "phr", "phrh", "https://refeds.org/profile/mfa", "http://schemas.openid.net/pape/policies/2007/06/multi-factor",
})  # fmt: skip

# Why an answer was not taken, in words for whoever set it up. The codes stand in entries and in docs/protocol.md.
WHY: dict[str, str] = {
    "provider_off": "Signing in by a provider is not switched on.",
    "provider_away": "The provider cannot be reached: no such host, no connection, or a certificate that is not its own.",
    "provider_slow": "The provider took too long to answer.",
    "provider_busy": "Too many sign-ins wait for the provider at once.",
    "address_inside": "The provider's address is not on the public internet.",
    "answer_too_large": "The provider's answer is larger than any that makes sense.",
    "answer_unreadable": "The provider's answer is not what the standard says.",
    "no_discovery": "There is no OpenID configuration below that address. Look at the issuer once more.",
    "wrong_issuer": "The provider calls itself by another issuer. Copy it exactly as the provider writes it, its last slash too.",
    "bad_endpoint": "The provider's configuration lacks an address, or names one that is not https.",
    "no_pkce": "The provider says that it cannot do PKCE with S256.",
    "no_code_flow": "The provider says that it cannot do the code flow.",
    "said_no": "The provider did not let them in, or they turned back there.",
    "state_unknown": "This sign-in was begun in another browser, was used already, or waited for too long.",
    "code_refused": "The provider did not take its own code back: it was used already, is too old, or belongs to another sign-in.",
    "client_refused": "The provider does not know this client id with this secret.",
    "no_id_token": "The provider gave no id token.",
    "token_unreadable": "The id token cannot be read.",
    "wrong_algorithm": "The id token is signed in a way that is not taken, or not at all.",
    "unknown_key": "The id token is signed with a key that the provider does not publish.",
    "wrong_signature": "The signature of the id token is wrong.",
    "claim_missing": "The id token lacks something that it must say.",
    "wrong_audience": "The id token is for another client.",
    "token_expired": "The id token is over. Does the provider's clock run right?",
    "token_early": "The id token is from the future. Does the provider's clock run right?",
    "wrong_nonce": "The id token answers another sign-in.",
    "wrong_subject": "The provider says two things about who it is.",
    "not_asked_again": "The provider did not ask them again who they are.",
    "email_missing": "The provider tells no e-mail address. Let it tell the claim email.",
    "email_unverified": "The provider does not vouch for the e-mail address (the claim email_verified).",
    "nobody_here": "Nobody of that e-mail address works here, or was invited in the last week.",
    "bound_elsewhere": "That e-mail address belongs to somebody who signs in by another account of the provider.",
    "another_person": "The provider says that this is somebody else than who is signed in.",
}  # fmt: skip
# What whoever stands at the door may know: it is about them, not about how the business set its provider up.
THEIRS = frozenset({
    "said_no", "state_unknown", "not_asked_again", "email_missing", "email_unverified", "nobody_here", "bound_elsewhere",
    "another_person", "provider_slow", "provider_away", "provider_busy", "provider_off",
})  # fmt: skip
_OF_CLAIM = {
    "iss": "wrong_issuer", "aud": "wrong_audience", "exp": "token_expired", "iat": "token_early", "nbf": "token_early",
    "nonce": "wrong_nonce",
}  # fmt: skip


def not_taken(why: str) -> Refusal:
    """`why` is one of WHY. The words are for whoever set it up; the door says less to anybody else (`for_the_door`)."""
    return Refusal("provider_refused", WHY[why], Kind.UNAUTHENTICATED, why=why)


def for_the_door(why: str) -> str:
    if why in THEIRS:
        return WHY[why]
    return f"Signing in by your organisation did not work ({why}). Tell an owner of this business."


@dataclass(frozen=True)
class Provider:
    """What its configuration says, as far as it is used."""

    issuer: str
    authorize: str
    token: str
    keys: str
    person: str  # the userinfo endpoint; may be ""
    takes_secret_in_body: bool
    names_itself: bool  # RFC 9207


@dataclass(frozen=True)
class Begun:
    """A sign-in that a browser began: what its session keeps until the answer comes."""

    purpose: str
    state: str
    nonce: str
    verifier: str
    at: int
    back: str


@dataclass(frozen=True)
class Person:
    """Whom the provider vouches for. Never stored but as a keyed hash of the first two."""

    issuer: str
    subject: str
    email: str
    has_verified_email: bool
    is_strong: bool


def check_issuer(raw: str, but: Collection[str]) -> str:
    if len(raw) > LONGEST or not outside.is_https(raw) or "?" in raw:
        raise Refusal(
            "bad_issuer", "Give the provider's issuer: an https address, without a question mark.", field="issuer"
        )
    if outside.is_plainly_inside(raw, but):
        raise Refusal("address_inside", "That address is not on the public internet.", field="issuer")
    return raw


def read_discovery(told: Mapping[str, Any], *, issuer: str, but: Collection[str]) -> Provider:
    """`issuer` must be told back to the letter: else one provider could speak for another."""
    if told.get("issuer") != issuer:
        raise not_taken("wrong_issuer")
    if not _says(told, "code_challenge_methods_supported", "S256"):
        raise not_taken("no_pkce")
    if not _says(told, "response_types_supported", "code"):
        raise not_taken("no_code_flow")
    ways = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if not isinstance(ways, list):
        raise not_taken("answer_unreadable")
    return Provider(
        issuer,
        _endpoint(told, "authorization_endpoint", but),
        _endpoint(told, "token_endpoint", but),
        _endpoint(told, "jwks_uri", but),
        _endpoint(told, "userinfo_endpoint", but) if "userinfo_endpoint" in told else "",
        "client_secret_basic" not in ways and "client_secret_post" in ways,
        told.get("authorization_response_iss_parameter_supported") is True,
    )


def address(provider: Provider, *, client_id: str, redirect_uri: str, begun: Begun) -> str:
    """Where the browser is sent. Before something dangerous the provider is told to ask them again."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code", "scope": "openid email", "client_id": client_id, "redirect_uri": redirect_uri,
        "state": begun.state, "nonce": begun.nonce, "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    if begun.purpose == "confirm":
        asked |= {"max_age": "0", "prompt": "login"}
    return provider.authorize + ("&" if "?" in provider.authorize else "?") + urlencode(asked)


def check_answer(provider: Provider, answer: Mapping[str, str]) -> str:
    """What the browser brought back, whose state was found to be its own. → the code"""
    named = answer.get("iss")
    if (named is None and provider.names_itself) or (named is not None and named != provider.issuer):
        raise not_taken("wrong_issuer")
    if "error" in answer or not answer.get("code"):
        raise not_taken("said_no")
    return answer["code"]


def read_token(
    raw: object, published: object, *, issuer: str, client_id: str, begun: Begun, now: datetime
) -> dict[str, Any]:
    """The claims of an id token that is the provider's, for us, for this very sign-in, and still good."""
    if not isinstance(raw, str) or not raw:
        raise not_taken("no_id_token")
    claims = _verified(raw, _keys(published))
    wanted = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()), leeway=int(SKEW.total_seconds()), iss={"essential": True, "value": issuer},
        sub={"essential": True}, aud={"essential": True, "value": client_id}, exp={"essential": True},
        iat={"essential": True}, nonce={"essential": True, "value": begun.nonce},
    )  # fmt: skip
    try:
        wanted.validate(claims)
    except errors.MissingClaimError:
        raise not_taken("claim_missing") from None
    except errors.ClaimError as error:
        raise not_taken(_OF_CLAIM.get(str(error.claim), "claim_missing")) from None
    if claims.get("azp", client_id) != client_id or (
        isinstance(claims["aud"], list) and set(claims["aud"]) != {client_id}
    ):
        raise not_taken("wrong_audience")
    if begun.purpose == "confirm":
        _check_asked_again(claims.get("auth_time"), begun)
    return claims


def read_person(claims: Mapping[str, Any], told: Mapping[str, Any] | None) -> Person:
    """`told`: the userinfo answer, where the token itself says nothing of an address. It must be about the same person."""
    if told is not None and told.get("sub") != claims["sub"]:
        raise not_taken("wrong_subject")
    source = claims if told is None else told
    email = source.get("email")
    amr, acr = claims.get("amr"), claims.get("acr")
    is_strong = isinstance(amr, list) and any(one in STRONG_AMR for one in amr if isinstance(one, str))
    return Person(
        str(claims["iss"]), str(claims["sub"]), email.strip().lower() if isinstance(email, str) and email.isascii() else "",
        source.get("email_verified") is True, is_strong or (isinstance(acr, str) and acr in STRONG_ACR),
    )  # fmt: skip


def _check_asked_again(auth_time: object, begun: Begun) -> None:
    is_number = isinstance(auth_time, int | float) and not isinstance(auth_time, bool)
    if not is_number or auth_time < begun.at - SKEW.total_seconds():  # type: ignore[operator]
        raise not_taken("not_asked_again")


def _says(told: Mapping[str, Any], name: str, wanted: str) -> bool:
    """Who keeps silent about it is believed to: several that can do it do not say so."""
    said = told.get(name)
    return said is None or (isinstance(said, list) and wanted in said)


def _endpoint(told: Mapping[str, Any], name: str, but: Collection[str]) -> str:
    url = told.get(name)
    if not isinstance(url, str) or len(url) > 2000 or not outside.is_https(url):
        raise not_taken("bad_endpoint")
    if outside.is_plainly_inside(url, but):
        raise not_taken("address_inside")
    return url


def _keys(published: object) -> jwk.KeySet:
    """Of what the provider publishes, what can check a signature. A key that cannot be read is no key."""
    listed = published.get("keys") if isinstance(published, Mapping) else None
    if not isinstance(listed, list):
        raise not_taken("answer_unreadable")
    found: list[jwk.Key] = []
    for one in listed[:50]:
        if isinstance(one, dict) and one.get("kty") in {"RSA", "EC", "OKP"} and one.get("use", "sig") == "sig":
            try:
                key = jwk.import_key(one)
            except (errors.JoseError, ValueError, TypeError, KeyError):
                continue
            if not isinstance(key, jwk.RSAKey) or key.raw_value.key_size >= SHORTEST_RSA:
                found.append(key)
    return jwk.KeySet(found)


def _verified(raw: str, keys: jwk.KeySet) -> dict[str, Any]:
    registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    registry.max_header_length = 8192  # some bring certificates along, which nobody reads
    try:
        return jwt.decode(raw, keys, registry=registry).claims
    except errors.UnsupportedAlgorithmError:
        raise not_taken("wrong_algorithm") from None
    except (errors.InvalidKeyIdError, errors.MissingKeyError, errors.KeyParameterError):
        raise not_taken("unknown_key") from None
    except errors.BadSignatureError:
        raise not_taken("wrong_signature") from None
    except (errors.JoseError, ValueError, TypeError, KeyError):
        raise not_taken("token_unreadable") from None
