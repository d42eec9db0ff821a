"""Bad input and trouble at the real HTTP door: a clear refusal with a stable code, nothing stored, nothing of it in a log.

The business here is the tests' own, so its rows can be counted.
"""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.apps import apps
from django.db import connection
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from messaging.models import Enrolment, Message
from portal.kernel import clock, tenancy
from portal.testing import cast as people
from portal.testing.handset import Handset
from portal.testing.things import one_of_each

CANARY = "kqzvodd" + secrets.token_hex(12)  # in whatever is refused
# What a try or the clock may write.
UNCOUNTED = {
    "nonce", "attempt", "tile", "checkpoint", "unlock", "indexkey", "searchrow", "searchday", "searchstate", "disposalrun",
    "supervisionstate", "notice",
}  # fmt: skip
KIB = 1024
DAY = 86400


@dataclass
class Door:
    """The API of one business over its real port, and what can be spoken of there."""

    cast: people.Cast
    api: httpx.Client
    pages: httpx.Client
    customer: str
    message: str
    device: str
    talk: str
    phone: Handset
    faults: int  # that stood in the logs before

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """As bytes, so that escapes such as \\ud800 arrive as written."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.api.post(path, content=raw, headers={"Content-Type": "application/json", **headers})

    def rows(self) -> dict[str, int]:
        """How many rows stand in each table of messaging and the archive."""
        found = {}
        with self.cast.inside():
            for label in ("messaging", "archive"):
                for model in apps.get_app_config(label).get_models():
                    if model._meta.model_name not in UNCOUNTED:
                        found[model._meta.db_table] = model.objects.count()
        return found

    def proved(self, method: str, path: str, body: bytes = b"", **headers: str) -> httpx.Response:
        """A request of the device with a good proof."""
        cookie = {"Cookie": f"__Host-ebb-device={self.phone.cookie}"}
        nonce = self.pages.get("/inbox/nonce", headers=cookie).json()["nonce"]
        proof = {"Ebb-Proof": self.phone.http_proof(nonce, method, path, body)}
        return self.pages.request(method, path, content=body, headers={**cookie, **proof, **headers})


def faults(running) -> int:
    return running.logs().count("Traceback") + running.logs().count("request_failed")


@pytest.fixture(scope="module")
def door(running):
    business = people.build(f"odd-{secrets.token_hex(3)}", "Odd Input")
    customer = business.customer(reference="known", email="known@example.org")
    phone = business.handset(customer)
    sent = business.send(customer, body="here", gone_after=DAY)
    from messaging.flows import message

    with business.inside():
        message.receive(
            actor=business.actor_of(phone, customer), now=clock.now(), customer_id=customer, text="a question"
        )  # fmt: skip
    with running.api(business) as api, running.client(business) as pages:
        talk = api.get("conversations").json()["results"][0]["id"]
        yield Door(business, api, pages, str(customer), str(sent.id), phone.device, talk, phone, faults(running))


def refused(answer: httpx.Response, status: int, code: str) -> None:
    is_refusal(answer)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def is_refusal(answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:500])
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text[:200]
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["code"].replace("_", "").isalnum()
    assert told["code"] == told["code"].lower()
    assert CANARY not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def deep(levels: int, field: str = "fields") -> bytes:
    return b'{"%s":' % field.encode() + b"[" * levels + b"]" * levels + b"}"


# ── a message that cannot be sent ───────────────────────────────────────────────────────────────────────────────────
NOBODY = "0198c0de-0000-7000-8000-000000000000"
MESSAGES: dict[str, tuple[dict[str, Any], int, str]] = {
    "over 16 KiB": ({"body": "x" * (16 * KIB + 1)}, 413, "body_too_large"),
    "over 16 KiB in bytes, not characters": ({"body": "€" * 5462}, 413, "body_too_large"),
    "empty": ({"body": ""}, 422, "empty_body"),
    "absent": ({}, 422, "empty_body"),
    **{f"control {n:#x}": ({"body": f"a{chr(n)}b"}, 422, "bad_characters") for n in range(32) if n not in (9, 10)},
    "DEL": ({"body": "a\x7fb"}, 422, "bad_characters"),
    "a lone high surrogate": ({"body": "a\ud800b"}, 422, "bad_characters"),
    "a lone low surrogate": ({"body": "\udc00"}, 422, "bad_characters"),
    "surrogates the wrong way round": ({"body": "\udc00\ud800"}, 422, "bad_characters"),
    "a control in the subject": ({"body": "a", "subject": f"{CANARY}\x00"}, 422, "bad_characters"),
    "two lines of subject": ({"body": "a", "subject": f"{CANARY}\nBcc: all"}, 422, "bad_characters"),
    "a surrogate in the subject": ({"body": "a", "subject": "\ud800"}, 422, "bad_characters"),
    "a long subject": ({"body": "a", "subject": CANARY * 20}, 422, "subject_too_long"),
    "no life": ({"body": "a", "gone_after": 0}, 422, "bad_lifetime"),
    "a life in the past": ({"body": "a", "gone_after": -5}, 422, "bad_lifetime"),
    "a life over the maximum": ({"body": "a", "gone_after": 366 * DAY * 9}, 422, "lifetime_too_long"),
    "no life after reading": ({"body": "a", "gone_after_read": 0}, 422, "bad_lifetime"),
    "a read life over the maximum": ({"body": "a", "gone_after_read": 366 * DAY * 9}, 422, "lifetime_too_long"),
    "sent yesterday": ({"body": "a", "send_at": "2020-01-01T00:00:00Z"}, 422, "send_at_past"),
    "sent in a hundred years": ({"body": "a", "send_at": "2126-01-01T00:00:00Z"}, 422, "send_at_far"),
    "an unknown customer": ({"body": "a", "customer": NOBODY}, 404, "unknown_customer"),
    "an unknown reference": ({"body": "a", "reference": CANARY}, 404, "unknown_customer"),
    "a reference of control characters": ({"body": "a", "reference": "\x00\ud800"}, 422, "bad_characters"),
    "two recipients": ({"body": "a", "customer": NOBODY, "reference": CANARY}, 422, "one_recipient"),
    "no recipient": ({"body": "a", "customer": None}, 422, "invalid"),
    "no address": ({"body": "a", "to": CANARY}, 422, "bad_recipient"),
    "no phone number": ({"body": "a", "to": "+00" + "1" * 40}, 422, "bad_phone"),
    "no e-mail address": ({"body": "a", "to": f"{CANARY}@"}, 422, "bad_email"),
    "an address with a line break": ({"body": "a", "to": f"a@example.org\nBcc: {CANARY}@example.org"}, 422, "bad_email"),
    "an unknown category": ({"body": "a", "category": CANARY}, 422, "unknown_category"),
    "an unknown format": ({"body": "a", "format": CANARY}, 422, "unknown_format"),
    "an unknown template": ({"template": CANARY}, 422, "unknown_template"),
    "a template that is not there": ({"template": NOBODY}, 422, "unknown_template"),
    "a template and a text": ({"template": NOBODY, "body": CANARY}, 422, "body_or_template"),
    "variables of a literal text": ({"body": "a", "variables": {CANARY: CANARY}}, 422, "variables_without_template"),
    "an unknown attachment": ({"body": "a", "attachments": [NOBODY]}, 422, "unknown_attachment"),
    "an address with a surrogate": ({"body": "a", "to": "\ud800@example.org"}, 422, "bad_characters"),
    "a control character at an address": ({"body": "a", "to": f"{CANARY}\x7f@example.org"}, 422, "bad_characters"),
    "an unknown field": ({"body": "a", f"{CANARY} ": 1}, 422, "unknown_field"),
    "a field of another's prototype": ({"body": "a", "__class__": 1}, 422, "unknown_field"),
}  # fmt: skip
HAS_RECIPIENT = {"customer", "reference", "to"}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_that_cannot_be_sent(door, name):
    """Alone and within a batch, where it must not take the others along."""
    asked, status, code = MESSAGES[name]
    asked = asked if HAS_RECIPIENT & set(asked) else {"customer": door.customer, **asked}
    before = door.rows()
    refused(door.post("messages", asked), status, code)
    answer = door.post("messages/batch", {"messages": [asked, asked]})
    assert answer.status_code == 200, answer.text
    assert [one["code"] for one in answer.json()["results"]] == [code, code]
    assert CANARY not in answer.text
    assert door.rows() == before


def test_one_bad_message_in_a_batch_leaves_the_others(door):
    bad = {"customer": door.customer, "body": "a\ud800"}
    answer = door.post("messages/batch", {"messages": [bad, {"customer": door.customer, "body": "good"}, 7, bad]})
    first, second, third, fourth = answer.json()["results"]
    assert second["state"] == "sent"
    assert [one["code"] for one in (first, third, fourth)] == ["bad_characters", "not_an_object", "bad_characters"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [({"messages": []}, 422, "bad_batch"), ({"messages": [{}] * 1001}, 422, "bad_batch"),
     ({"messages": {}}, 400, "not_an_object"), ({}, 400, "not_an_object"), ([], 400, "not_an_object"),
     ({"messages": [{}], "more": 1}, 400, "not_an_object")],
)  # fmt: skip
def test_a_batch_that_is_none(door, body, status, code):
    refused(door.post("messages/batch", body), status, code)


def test_what_is_odd_but_text_is_kept_byte_for_byte(door):
    """Overrides of direction are shown isolated by the page, not refused; nothing is trimmed or normalised."""
    odd = " \u202eevil\u202c \u2066x\u2069 \u200f \ufeff e\u0301 \u0091\u0094\x85 \t\n\U0001f469\u200d\U0001f4bb \ufffe\U0010ffff "
    sent = door.post("messages", {"customer": door.customer, "body": odd, "gone_after": 600})
    assert sent.status_code == 201, sent.text
    inbox = door.proved("GET", "/inbox/state").json()
    assert [one["body"] for one in inbox["messages"] if one["id"] == sent.json()["id"]] == [odd]


def test_16_kib_to_the_byte_are_sent(door):
    assert door.post("messages", {"customer": door.customer, "body": "€" * 5461 + "x"}).status_code == 201


# ── bodies that are no JSON, or JSON that two programs would read differently ─────────────────────────────────────
C = CANARY.encode()
RAW: dict[str, tuple[bytes, int, str]] = {
    "nothing at all": (b"", 422, "empty_body"),
    "no JSON": (b"{" + C, 400, "malformed_json"),
    "half of it": (b'{"body": "' + C, 400, "malformed_json"),
    "no UTF-8": (b'{"body": "\xff\xfe' + C + b'"}', 400, "malformed_json"),
    "overlong UTF-8": (b'{"body": "\xc0\x80"}', 400, "malformed_json"),
    "a surrogate in UTF-8": (b'{"body": "\xed\xa0\x80"}', 400, "malformed_json"),
    "UTF-16": ('{"body": "a"}'.encode("utf-16"), 400, "malformed_json"),
    "a byte order mark": (b'\xef\xbb\xbf{"body": "a"}', 400, "malformed_json"),
    "a member twice": (b'{"body": "a", "body": "' + C + b'"}', 400, "malformed_json"),
    "a member twice, deep inside": (b'{"variables": {"a": 1, "a": 2}}', 400, "malformed_json"),
    "NaN": (b'{"gone_after": NaN}', 400, "malformed_json"),
    "infinity": (b'{"gone_after": -Infinity}', 400, "malformed_json"),
    "a number beyond any": (b'{"gone_after": 1e999}', 400, "malformed_json"),
    "an integer of 5,000 digits": (b'{"gone_after": ' + b"9" * 5000 + b"}", 400, "malformed_json"),
    "a real control character": (b'{"body": "a\x01b"}', 400, "malformed_json"),
    "bottomless nesting": (deep(100_000), 400, "malformed_json"),
    "a list": (b"[]", 400, "not_an_object"),
    "a text": (b'"' + C + b'"', 400, "not_an_object"),
    "a number": (b"1", 400, "not_an_object"),
    "null": (b"null", 422, "empty_body"),
    "two documents": (b"{} {}", 400, "malformed_json"),
    "a comment": (b"{} // " + C, 400, "malformed_json"),
    "a comma too many": (b'{"body": "a",}', 400, "malformed_json"),
}


@pytest.mark.parametrize("name", RAW)
def test_a_body_that_is_no_json(door, name):
    raw, status, code = RAW[name]
    before = door.rows()
    refused(door.post("messages", raw), status, code)
    if code == "malformed_json":
        for path in ("customers", "categories", f"messages/{door.message}/extend", "messages/batch"):
            refused(door.post(path, raw), status, code)
    assert door.rows() == before


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml"]
)
def test_another_content_type(door, kind):
    raw = json.dumps({"customer": door.customer, "body": CANARY}).encode()
    refused(door.api.post("messages", content=raw, headers={"Content-Type": kind}), 415, "unsupported_media_type")


def test_a_request_larger_than_any_is_not_kept(door):
    raw = b'{"body": "' + b"x" * (25 * KIB * KIB) + b'"}'
    for path in ("/api/v1/messages", "/inbox/enrol", "/console/sign-in/"):
        answer = door.pages.post(
            path, content=raw, headers={"Authorization": f"Bearer {door.cast.key}", "Content-Type": "application/json"}
        )
        assert answer.status_code == 413, path
        assert "too_large" in answer.text


# ── the wrong type in every field of every POST ───────────────────────────────────────────────────────────────────
WRONG = [
    None, True, False, 0, -1, 1.5, 1e308, 10**18, -(10**30), 10**300, "", "x", " ", "null", "\x00", "\ud800", "9" * 5000,
    "x" * 70_000, [], {}, [[]], [None], {"a": {"b": []}}, [{}], {"": ""}, {"$gt": ""}, "' OR 1=1 --", "2026-02-30T25:61:00Z",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "../../etc/passwd", "{{7*7}}", "%00", "\u202e",
]  # fmt: skip


@pytest.fixture(scope="module")
def schema(door):
    return door.pages.get("/api/schema/?format=json").json()


def _posts(schema: dict[str, Any], door: Door) -> dict[str, list[str]]:
    """Each address that takes a body, filled in, with the names of its fields, as the schema tells them."""
    ids = one_of_each(door.cast, "given" + secrets.token_hex(12)) | {
        "customer_id": door.customer, "message_id": door.message, "device_id": door.device, "conversation_id": door.talk,
    }  # fmt: skip
    found = {}
    for path, acts in schema["paths"].items():
        for act in {"post", "patch"} & set(acts):
            wanted = acts[act].get("requestBody")
            if wanted and "application/json" in wanted["content"]:  # a file comes as multipart: `test_attachments.py`
                ref = wanted["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
                found[f"{act} {path.format(**ids)}"] = list(schema["components"]["schemas"][ref]["properties"])
    return found


GOOD = {
    "/messages": lambda door: {"customer": door.customer, "body": "good", "gone_after": 600},
    "/categories": lambda door: {"key": f"k{secrets.token_hex(6)}", "name": "Kind", "purpose": "service"},
    "/audiences": lambda door: {"name": "Everyone", "filter": {}},
    "/assign": lambda door: {"staff": None},
}


def test_a_wrong_type_in_every_field(door, schema):
    """Accepted or refused, never a fault; and exactly what was accepted is stored."""
    posts = _posts(schema, door)
    assert len(posts) >= 8, posts
    before, made = door.rows(), {"messages": 0, "categories": 0, "customers": 0, "audiences": 0}
    tried = 0
    for call, names in posts.items():
        act, path = call.split(" ")
        good = next((make for end, make in GOOD.items() if path.endswith(end)), lambda door: {})
        for name in [*names, "kqzv"]:
            for value in WRONG:
                raw = json.dumps({**good(door), name: value}).encode()
                answer = door.api.request(act, path, content=raw, headers={"Content-Type": "application/json"})
                tried += 1
                if answer.status_code < 300:
                    _count(made, path, answer)
                else:
                    is_refusal(answer)
                    assert len(answer.content) < 20_000, (call, name)
    after = door.rows()
    assert after["messaging_message"] - before["messaging_message"] == made["messages"]
    assert after["messaging_category"] - before["messaging_category"] == made["categories"]
    assert after["messaging_customer"] - before["messaging_customer"] == made["customers"]
    assert after["messaging_audience"] - before["messaging_audience"] == made["audiences"]
    print(f"{tried} bodies, accepted {made}")


def _count(made: dict[str, int], path: str, answer: httpx.Response) -> None:
    name = path.rsplit("/", 1)[-1]
    if answer.status_code == 201 and name in made:
        made[name] += 1
    elif name == "batch":
        made["messages"] += sum("id" in one for one in answer.json()["results"])


_leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=[]), max_size=40), st.sampled_from(["to", "customer", "body"]), st.uuids().map(str),
)  # fmt: skip
_names = st.sampled_from([
    "to", "customer", "reference", "body", "subject", "format", "gone_after", "tap_to_reveal", "category", "send_at",
    "in_reply_to", "attachments", "messages", "name", "email", "phone", "language", "time_zone", "fields", "consent", "at",
    "purpose", "channel", "source", "given", "tags", "filter", "any", "token", "code", "public_key",
    "proof", "kty", "crv", "x", "y", "for", "answer",
])  # fmt: skip
_json = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names | st.text(max_size=5), inner, max_size=6),
    max_leaves=12,
)  # fmt: skip


def test_any_json_at_any_door_is_no_fault(door):
    paths = ["/api/v1/messages", "/api/v1/messages/batch", "/api/v1/customers", "/api/v1/categories", "/api/v1/audiences",
             "/api/v1/templates", "/inbox/enrol", "/inbox/recover", "/inbox/messages"]  # fmt: skip
    headers = {"Authorization": f"Bearer {door.cast.key}", "Content-Type": "application/json"}

    @seed(6962)
    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(path=st.sampled_from(paths), body=_json | st.dictionaries(_names, _json, max_size=8))
    def check(path, body):
        answer = door.pages.post(path, content=json.dumps(body).encode(), headers=headers)
        assert answer.status_code < 500, (path, body, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["code"]

    check()


# ── addresses and parameters ──────────────────────────────────────────────────────────────────────────────────────
LISTS = ["customers", "messages", "conversations", "devices", "categories", "audiences", "archive/entries"]
PARAMETERS: dict[str, list[str]] = {
    "limit": ["0", "-1", "201x", "1e3", "", " ", "٣", "9" * 30, "9" * 5000, "1.0", "NaN", "\x00", "10001"],
    "cursor": ["x", "=", "%00", "9" * 5000, "AAAA", "é", "\x00", "e", "ZTk5OTk5OTk5OTk5OTk5OTk5OTk5"],
}
FILTERS: dict[str, list[str]] = {
    "messages": ["customer", "state", "after"], "conversations": ["customer", "state"], "devices": ["customer"],
    "customers": ["reference", "phone", "email", "tag", "audience"],
    "archive/entries": ["from", "to", "kind", "customer", "campaign", "after", "before"],
}  # fmt: skip
ODD = ["", "x", "\x00", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "9" * 5000, "-1", "' OR 1=1 --", CANARY,
       "2026-02-30", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00", "[]", "%",
       "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}", "\u202e"]  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
def test_odd_parameters_of_a_list(door, path):
    for name in PARAMETERS["limit"]:
        answer = door.api.get(path, params={"limit": name})
        is_refusal(answer)
        assert answer.json()["code"] == "bad_limit", name
    for cursor in PARAMETERS["cursor"]:
        answer = door.api.get(path, params={"cursor": cursor})
        is_refusal(answer)
        assert answer.json()["code"] == "bad_cursor", cursor
    for name in FILTERS.get(path, []):
        for value in ODD:
            answer = door.api.get(path, params={name: value})
            if answer.status_code >= 300:
                is_refusal(answer)
            else:
                assert CANARY not in answer.text


def test_a_cursor_of_another_list_or_business_shows_nothing_of_it(door, acme):
    for _ in range(2):
        acme.customer()
    with httpx.Client(
        base_url=door.api.base_url, headers={"Host": acme.host, "Authorization": f"Bearer {acme.key}"}
    ) as theirs:
        cursor = theirs.get("customers", params={"limit": 1}).json()["next"]
    shown = door.api.get("customers", params={"cursor": cursor}).json()["results"]
    with door.cast.inside(), connection.cursor() as cursor_:
        cursor_.execute("SELECT id::text FROM messaging_customer")
        mine = {row[0] for row in cursor_.fetchall()}
    assert {one["id"] for one in shown} <= mine


@pytest.mark.parametrize("path", [
    "messages/x", "messages/%00", "messages/" + "9" * 2000, f"messages/{NOBODY}", f"customers/{NOBODY}", f"devices/{NOBODY}",
    f"conversations/{NOBODY}", "archive/entries/99999999999999999999", "archive/entries/999999999", "archive/entries/-1",
    "archive/entries/999999999/proof", "archive/entries/999999999/sealed", "archive/tile/0/../../x", "archive/tile/9/000",
    "archive/tile/0/x999/999", "archive/tile/entries/000.p/0", "archive/tile/0/000.p/257", "archive/tile/0/999",
    "archive/tile/-1/000", "archive/tile/0/" + "x999/" * 30 + "000", "nothing", "messages/", "", "../console",
    "archive/checkpoint/x",
])  # fmt: skip
def test_an_address_that_leads_nowhere(door, path):
    answer = door.api.get(path)
    assert answer.status_code in {400, 404, 409, 410}, (answer.status_code, answer.text[:200])
    is_refusal(answer)


def test_an_epoch_that_is_none(door):
    for value in ("x", "-1", "9" * 5000, "1.0", "\x00"):
        refused(door.api.get("archive/key", params={"epoch": value}), 422, "bad_epoch")


# ── lives of messages and devices ─────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("seconds", "code"), [(0, "bad_lifetime"), (-1, "bad_lifetime"), (366 * DAY * 9, "lifetime_too_long")]
)
def test_a_message_cannot_be_extended_beyond_reason(door, seconds, code):
    before = door.rows()
    refused(door.post(f"messages/{door.message}/extend", {"gone_after": seconds}), 422, code)
    assert door.rows() == before


def test_what_is_over_is_over(door):
    sent = door.post("messages", {"customer": door.customer, "body": CANARY, "gone_after": 600}).json()["id"]
    assert door.post(f"messages/{sent}/recall", {}).status_code == 200
    before = door.rows()
    for act in ("recall", "extend"):
        refused(door.post(f"messages/{sent}/{act}", {}), 409, "already_ended")
    for act in ("reveal", "read", "extend"):
        path = f"/inbox/messages/{sent}/{act}"
        refused(door.proved("POST", path), 404, "not_found")
    assert door.rows() == before


def test_an_existing_reference_is_a_conflict_that_names_its_customer(door):
    before = door.rows()
    answer = door.post("customers", {"reference": "known", "name": CANARY})
    refused(answer, 409, "reference_taken")
    assert answer.json()["id"] == door.customer
    assert door.rows() == before


@pytest.mark.parametrize(
    ("given_", "code"),
    [({"email": CANARY}, "bad_email"), ({"email": f"a@b\n{CANARY}"}, "bad_email"), ({"phone": CANARY}, "bad_phone"),
     ({"phone": "+1"}, "bad_phone"), ({"language": f"xx-{CANARY}"}, "bad_language"), ({"language": "en\n"}, "bad_language"),
     ({"time_zone": f"Europe/{CANARY}"}, "bad_time_zone"), ({"time_zone": "../../etc/passwd"}, "bad_time_zone"),
     ({"name": "a\x00"}, "bad_text"), ({"name": "\ud800"}, "bad_text"), ({"name": CANARY * 20}, "bad_text"),
     ({"reference": "a\x7f"}, "bad_text"), ({"fields": {"a": {"b": 1}}}, "bad_fields"), ({"fields": {"a" * 61: 1}}, "bad_fields"),
     ({"fields": {str(n): n for n in range(51)}}, "bad_fields"), ({"fields": {"a": "x" * 1001}}, "bad_fields"),
     ({"fields": {"a": "\x00"}}, "bad_text"), ({"fields": {"\ud800": 1}}, "bad_text"), ({"fields": {"a": "\udfff"}}, "bad_text"),
     ({"consent": [{"purpose": "service", "channel": CANARY, "source": "x"}]}, "bad_consent"),
     ({"consent": [{"purpose": CANARY, "channel": "inbox", "source": "x"}]}, "invalid"),
     ({"consent": [{"purpose": "service", "channel": "inbox", "source": "\x00"}]}, "bad_text")],
)  # fmt: skip
def test_a_customer_who_cannot_be_written_down(door, given_, code):
    before = door.rows()
    refused(door.post("customers", given_), 422, code)
    answer = door.api.patch(
        f"customers/{door.customer}", content=json.dumps(given_).encode(), headers={"Content-Type": "application/json"}
    )
    refused(answer, 422, code)
    assert door.rows() == before


# ── ways in ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _invite(door) -> tuple[str, str]:
    made = door.post(f"customers/{door.customer}/enrolments", {"send_by": "show"}).json()
    return made["url"].rsplit("/", 1)[-1], made["code"]


def _enrol(door, body: object) -> httpx.Response:
    return door.pages.post(
        "/inbox/enrol", content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )


@pytest.fixture
def guesses(door):
    """Tries are counted by address: each test here begins with none."""
    from messaging.models import Attempt

    with door.cast.inside():
        Attempt.objects.all().delete()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"proof": Handset("x").sign("ebb/v1/enrol", "x", "y")}, 401, "not_proved"), ({"proof": ""}, 401, "not_proved"),
        ({"proof": None}, 401, "not_proved"), ({"proof": "\ud800"}, 401, "not_proved"), ({"proof": {}}, 401, "not_proved"),
        ({"public_key": None}, 422, "bad_public_key"), ({"public_key": {}}, 422, "bad_public_key"),
        ({"public_key": {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}}, 422, "bad_public_key"),
        ({"public_key": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}}, 422, "bad_public_key"),
        ({"public_key": {"kty": "RSA", "n": CANARY}}, 422, "bad_public_key"), ({"public_key": CANARY}, 422, "bad_public_key"),
        ({"name": 1}, 400, "malformed_request"), ({"token": 1}, 400, "malformed_request"),
        ({"token": None}, 400, "malformed_request"),
    ],
)  # fmt: skip
def test_an_enrolment_that_proves_nothing_uses_nothing_up(door, guesses, change, status, code):
    token, _ = _invite(door)
    phone = Handset(door.cast.host)
    before = door.rows()
    refused(_enrol(door, {**phone.enrolment(token), **change}), status, code)
    assert door.rows() == before
    assert _enrol(door, phone.enrolment(token)).status_code == 201


def test_a_private_key_is_not_taken(door, guesses):
    token, _ = _invite(door)
    phone = Handset(door.cast.host)
    body = phone.enrolment(token)
    refused(_enrol(door, {**body, "public_key": {**phone.jwk, "d": "AAAA"}}), 422, "bad_public_key")


def test_a_token_is_used_once_and_its_code_goes_with_it(door, guesses):
    token, code = _invite(door)
    phone, other = Handset(door.cast.host), Handset(door.cast.host)
    with ThreadPoolExecutor(6) as threads:
        answers = list(
            threads.map(lambda one: _enrol(door, one), [phone.enrolment(token)] * 3 + [other.enrolment(token)] * 3)
        )
    assert sorted(answer.status_code for answer in answers) == [201] + [401] * 5
    before = door.rows()
    refused(_enrol(door, phone.enrolment(token)), 401, "enrolment_spent")
    refused(_enrol(door, other.enrolment(code, kind="code")), 401, "enrolment_spent")
    assert door.rows() == before


def test_wrong_expired_and_used_ways_in_look_the_same(door, guesses):
    token, _ = _invite(door)
    _, code = _invite(door)
    with door.cast.inside():
        Enrolment.objects.filter(used_at=None).update(expires_at=clock.now() - timedelta(seconds=1))
    phone = Handset(door.cast.host)
    told = [
        _enrol(door, phone.enrolment(token)), _enrol(door, phone.enrolment(code, kind="code")),
        _enrol(door, phone.enrolment(CANARY)),
        _enrol(door, phone.enrolment("0000000000", kind="code")),
    ]  # fmt: skip
    assert {(one.status_code, one.content) for one in told} == {(401, told[0].content)}


def test_a_lone_surrogate_as_a_token_is_refused(door, guesses):
    body = {**Handset(door.cast.host).enrolment("x"), "token": "\ud800"}
    is_refusal(_enrol(door, body))


def test_guesses_are_counted_whatever_they_claim_to_come_from(door, guesses):
    """Twenty in a quarter of an hour, in parallel and with forged addresses: limit + 1 at most (T18)."""
    phone = Handset(door.cast.host)

    def guess(n):
        # As behind a proxy on this host that appends what it saw: the last address is its word, the others the client's.
        forged = {
            "X-Forwarded-For": f"10.1.{n}.1, 203.0.113.7",
            "Forwarded": f"for=10.1.{n}.2",
            "X-Real-IP": f"10.1.{n}.3",
        }
        body = json.dumps(phone.enrolment(f"{n:010d}", kind="code")).encode()
        return door.pages.post("/inbox/enrol", content=body, headers={"Content-Type": "application/json", **forged})

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(guess, range(60)))
    looked_at = [answer for answer in answers if answer.status_code == 401]
    stopped = [answer for answer in answers if answer.status_code == 429]
    assert len(looked_at) + len(stopped) == 60
    assert len(looked_at) <= 21
    refused(stopped[0], 429, "too_many")
    assert int(stopped[0].headers["Retry-After"]) > 0
    token, _ = _invite(door)
    raw = json.dumps(phone.enrolment(token)).encode()
    same = {"Content-Type": "application/json", "X-Forwarded-For": "203.0.113.7"}
    refused(door.pages.post("/inbox/enrol", content=raw, headers=same), 429, "too_many")
    assert _enrol(door, phone.enrolment(token)).status_code == 201


def test_recovery_answers_the_same_to_everyone(door, guesses):
    told = [
        door.pages.post("/inbox/recover", json={"to": to})
        for to in ("known@example.org", f"{CANARY}@example.org", CANARY, "+491")
    ]
    assert {(one.status_code, one.content) for one in told} == {(202, told[0].content)}


# ── proofs over HTTP ──────────────────────────────────────────────────────────────────────────────────────────────
def test_a_proof_counts_once_for_one_request_of_one_device(door):
    cookie = {"Cookie": f"__Host-ebb-device={door.phone.cookie}"}
    other = door.cast.handset(door.cast.customer())

    def nonce():
        return door.pages.get("/inbox/nonce", headers=cookie).json()["nonce"]

    def ask(proof, path="/inbox/state", method="GET", body=b""):
        return door.pages.request(method, path, content=body, headers=[*cookie.items(), ("Ebb-Proof", proof)])

    good = door.phone.http_proof(nonce(), "GET", "/inbox/state")
    assert ask(good).status_code == 200
    refused(ask(good), 401, "not_proved")
    other_path = door.phone.http_proof(nonce(), "GET", "/inbox/state?cursor=x")
    refused(ask(other_path), 401, "not_proved")
    other.device = door.phone.device
    refused(ask(other.http_proof(nonce(), "GET", "/inbox/state")), 401, "not_proved")
    written = json.dumps({"for": door.customer, "body": CANARY}).encode()
    proof = door.phone.http_proof(nonce(), "POST", "/inbox/messages", written)
    refused(ask(proof, "/inbox/messages", "POST", written + b" "), 401, "not_proved")
    refused(ask(door.phone.http_proof(nonce(), "POST", "/inbox/state"), "/inbox/state"), 401, "not_proved")
    for odd in ("", ".", "x.y", "a" * 5000, f"{nonce()}.", f"{nonce()}", "é.é".encode()):
        refused(ask(odd), 401, "not_proved")


def test_a_proof_raced_wins_once(door):
    cookie = {"Cookie": f"__Host-ebb-device={door.phone.cookie}"}
    proof = door.phone.http_proof(door.pages.get("/inbox/nonce", headers=cookie).json()["nonce"], "GET", "/inbox/state")
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda _: door.pages.get("/inbox/state", headers={**cookie, "Ebb-Proof": proof}), range(8))
        )
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [({"for": "x", "body": "a"}, 404, "not_found"), ({"for": NOBODY, "body": CANARY}, 404, "not_found"), ({}, 404, "not_found"),
     ({"body": 1}, 400, "malformed_request"), ({"body": ""}, 422, "empty_body"), ({"body": "\x00"}, 422, "bad_characters"),
     ({"body": "\ud800"}, 422, "bad_characters"), ({"body": "x" * (16 * KIB + 1)}, 413, "body_too_large")],
)  # fmt: skip
def test_a_reply_that_cannot_be_taken(door, body, status, code):
    body = {"for": door.customer, **body} if set(body) == {"body"} else body
    before = door.rows()
    refused(door.proved("POST", "/inbox/messages", json.dumps(body).encode()), status, code)
    assert door.rows() == before


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"1", b"\xff", deep(20_000), b'{"body": "a", "body": "b"}', b'{"body": NaN}']
)
def test_a_reply_that_is_no_json(door, raw):
    refused(door.proved("POST", "/inbox/messages", raw), 400, "malformed_json")


# ── asked twice ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_same_key_and_body_give_the_same_answer_even_at_once(door):
    key = {"Idempotency-Key": secrets.token_hex(8)}
    body = {"customer": door.customer, "body": "once", "gone_after": 600}
    before = door.rows()["messaging_message"]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: door.post("messages", body, **key), range(8)))
    answers += [door.post("messages", body, **key)]
    assert door.rows()["messaging_message"] == before + 1
    good = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in good}) == 1
    for answer in answers:
        if answer.status_code != 201:
            refused(answer, 409, "idempotency_in_progress")
    assert answers[-1].headers["Idempotent-Replayed"] == "true"
    refused(door.post("messages", {**body, "body": "other"}, **key), 422, "idempotency_mismatch")
    assert door.rows()["messaging_message"] == before + 1


def test_a_refusal_is_repeated_as_a_refusal(door):
    key = {"Idempotency-Key": secrets.token_hex(8)}
    first, second = (door.post("messages", {"customer": door.customer, "body": ""}, **key) for _ in range(2))
    refused(first, 422, "empty_body")
    refused(second, 422, "empty_body")
    assert first.content == second.content


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "é".encode() + b"\x80"])
def test_a_key_that_is_none(door, key):
    before = door.rows()
    refused(
        door.post("messages", {"customer": door.customer, "body": "a"}, **{"Idempotency-Key": key}),
        422,
        "bad_idempotency_key",
    )
    assert door.rows() == before


# ── hosts, keys, methods ──────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("host", [
    "nobody.localhost", "a.b.localhost", "acme.localhost.evil.test", "evil.test", "-.localhost", "x" * 300 + ".localhost",
    "%00.localhost", "t_00.localhost", "public.localhost", "127.0.0.1", "[::1]"
])  # fmt: skip
def test_a_business_that_does_not_exist(door, host):
    for path in ("/api/v1/customers", "/inbox/nonce"):
        answer = door.pages.get(path, headers={"Host": host, "Authorization": f"Bearer {door.cast.key}"})
        assert answer.status_code in {400, 404}
        if answer.status_code == 404:
            refused(answer, 404, "unknown_business")


@pytest.mark.parametrize("given_", [
    "", "Bearer", "Bearer x", "Basic eDp5", "bearer ebb_", "Bearer " + "x" * 5000, "Bearer \x80\xff", "Token x",
])  # fmt: skip
def test_a_key_that_opens_nothing(door, given_):
    refused(door.pages.get("/api/v1/customers", headers={"Authorization": given_.encode("latin-1")}), 401, "no_key")


def test_a_method_that_is_none(door):
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"):
        answer = door.api.request(method, "messages")
        refused(answer, 405, "method_not_allowed")
        assert "POST" in answer.headers["Allow"]


# ── trouble ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_schema_that_is_gone_fails_closed(running):
    """Renamed away under a running web process: every door says so, none falls through to another table."""
    business = people.build(f"gone-{secrets.token_hex(3)}", "Gone Business")
    customer = business.customer()
    phone = business.handset(customer)
    schema = business.place.schema
    tenancy.directory().forget()
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER SCHEMA "{schema}" RENAME TO "{schema}_away"')
    try:
        with running.api(business) as api, running.client(business) as pages:
            cookie = {"Cookie": f"__Host-ebb-device={phone.cookie}"}
            told = [
                api.get("customers"), api.post("messages", json={"customer": str(customer), "body": CANARY}),
                api.get("archive/checkpoint"), pages.get("/inbox/nonce", headers=cookie),
            ]  # fmt: skip
            for answer in told:
                assert answer.status_code == 503, answer.text
                assert answer.json()["code"] == "business_unavailable"
                assert int(answer.headers["Retry-After"]) > 0
            assert pages.get("/console/sign-in/").status_code in {200, 503}
            page = pages.post("/console/sign-in/", data={"login": "a@example.org", "password": CANARY})
            assert page.status_code in {403, 503}
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER SCHEMA "{schema}_away" RENAME TO "{schema}"')
    with running.api(business) as api:
        assert api.get("customers").status_code == 200
    with business.inside():
        assert not Message.objects.exists()


def test_zz_nothing_of_it_is_in_a_log(running, door):
    """Last in this file: all that was refused above carried one mark."""
    assert CANARY not in running.logs()
    assert faults(running) == door.faults
