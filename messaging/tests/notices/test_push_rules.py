"""What a browser may name as the place it is pushed to. Our workers call it, so whoever names it must not choose freely."""

import base64
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from messaging.rules import pushing
from portal.kernel.errors import Refusal
from portal.testing.surfer import Surfer

SERVICES = ("fcm.googleapis.com", ".push.apple.com", "push.example:8443")


def given(endpoint: object, **keys: object) -> dict[str, object]:
    return {"endpoint": endpoint, "keys": {**Surfer(1).subscription["keys"], **keys}}


@pytest.mark.parametrize(
    "endpoint",
    ["https://fcm.googleapis.com/fcm/send/abc:def", "https://FCM.googleapis.com/wp/x", "https://web.push.apple.com/QG",
     "https://push.example:8443/x?y=1"],
)  # fmt: skip
def test_known_services_are_taken(endpoint):
    wanted = pushing.check(given(endpoint), SERVICES)
    assert wanted.endpoint == endpoint
    assert pushing.decode(wanted.encode()) == wanted


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://example.org/x", "https://127.0.0.1/x", "https://[::1]/x", "https://169.254.169.254/latest", "https://localhost/x",
        "https://10.0.0.1/x", "https://0x7f000001/x", "https://fcm.googleapis.com.evil.org/x", "https://evilfcm.googleapis.com/x",
        "https://push.apple.com/x", "https://xpush.apple.com/x", "https://web.push.apple.com:8443/x", "https://push.example/x",
        "https://fcm.googleapis.com:444/x", "https://web.push.apple.com./x",
    ],
)  # fmt: skip
def test_others_are_refused(endpoint):
    with pytest.raises(Refusal) as refused:
        pushing.check(given(endpoint), SERVICES)
    assert refused.value.code == "unknown_push_service"


@pytest.mark.parametrize(
    "endpoint",
    [
        None, 7, "", "x", "http://fcm.googleapis.com/x", "ftp://fcm.googleapis.com/x", "https://fcm.googleapis.com/",
        "https://fcm.googleapis.com", "https://user@fcm.googleapis.com/x", "https://fcm.googleapis.com@10.0.0.1/x",
        "https://fcm.googleapis.com/x#y", "https://fcm.googleapis.com/x y", "https://fcm.googleapis.com/\r\nHost: evil",
        "https://fcm.googleapis.com/ü", "https://fcm.googleapis.com:x/x", "https://[/x", "https:///x",
        "https://fcm.googleapis.com/" + "x" * 1000, "//fcm.googleapis.com/x", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_browser_is_refused(endpoint):
    with pytest.raises(Refusal) as refused:
        pushing.check(given(endpoint), SERVICES)
    assert refused.value.code == "bad_subscription"


POINT = Surfer(1).subscription["keys"]["p256dh"]


@pytest.mark.parametrize(
    "keys",
    [
        {"p256dh": ""}, {"p256dh": None}, {"p256dh": "!!!"}, {"p256dh": POINT[:-4]}, {"p256dh": "B" + "A" * 86},
        {"p256dh": base64.urlsafe_b64encode(os.urandom(65)).decode()}, {"p256dh": POINT * 20}, {"auth": ""}, {"auth": 5},
        {"auth": "AAAA"}, {"auth": base64.urlsafe_b64encode(bytes(17)).decode()},
    ],
)  # fmt: skip
def test_keys_that_nobody_could_seal_for_are_refused(keys):
    with pytest.raises(Refusal) as refused:
        pushing.check(given("https://fcm.googleapis.com/x", **keys), SERVICES)
    assert refused.value.code == "bad_subscription"


@pytest.mark.parametrize("body", [{}, {"endpoint": "https://fcm.googleapis.com/x"}, {"endpoint": 1, "keys": []}])
def test_half_of_it_is_refused(body):
    with pytest.raises(Refusal):
        pushing.check(body, SERVICES)


def test_padded_base64_is_read_too():
    browser = Surfer(1, key=ec.generate_private_key(ec.SECP256R1()), secret=bytes(16))
    wanted = pushing.check(
        given("https://fcm.googleapis.com/x", auth=base64.urlsafe_b64encode(bytes(16)).decode()), SERVICES
    )
    assert wanted.browser.secret == browser.secret
