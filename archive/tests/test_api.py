"""The archive's doors: forms, filters, refusals and scopes."""

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import resolve
from rest_framework.test import APIRequestFactory, force_authenticate

from archive.api import urls, views
from archive.flows import tree
from archive.ledger import entry, merkle, proof, tiles
from archive.tests.conftest import Home, happen, keep, snapshot
from portal.kernel import actors, clock, ids

Get = Callable[..., HttpResponse]


@pytest.fixture
def get(home: Home, monkeypatch: pytest.MonkeyPatch) -> Get:
    """Asks an address as the mirror's key (or another actor). Who a key belongs to is the accounts' to find out."""
    monkeypatch.setattr(views.View, "permission_classes", [])

    def call(path: str, actor: actors.Actor | None = None, **query: str) -> HttpResponse:
        match = resolve("/" + path, urlconf=Rooted)
        request = APIRequestFactory().get("/" + path, query)
        force_authenticate(request, user=actor or home.mirror)
        response = match.func(request, *match.args, **match.kwargs)
        return response.render() if hasattr(response, "render") else response

    return call


class Rooted:
    """The app's addresses without the roof."""

    from django.urls import include, path

    urlpatterns = [path("", include(urls))]


def data(response: HttpResponse) -> Any:
    return json.loads(response.content)


def test_a_verifier_needs_nothing_but_the_doors(home: Home, get: Get) -> None:
    keep(*[snapshot(f"message {n}") for n in range(300)])
    tree.integrate(now=clock.now())
    vkey = get("key").content.decode().strip()
    leaf = base64.b64decode(data(get("entries/42"))["leaf"])
    verified = proof.verify(get("entries/42/proof").content.decode(), vkey, leaf, index=42)
    bundles = get("tile/entries/000").content + get(f"tile/entries/001.p/{verified.size - 256}").content
    leaves = tiles.decode_bundle(bundles[: len(get("tile/entries/000").content)])
    leaves += tiles.decode_bundle(get(f"tile/entries/001.p/{verified.size - 256}").content)
    assert merkle.root([merkle.hash_leaf(one) for one in leaves]) == verified.root
    assert get("checkpoint").content.decode().splitlines()[1] == str(verified.size)


def test_text_is_text_and_tiles_are_bytes(home: Home, get: Get) -> None:
    tree.integrate(now=clock.now())
    assert get("checkpoint")["Content-Type"].startswith("text/plain")
    assert get("key")["Content-Type"].startswith("text/plain")
    assert get("tile/0/000.p/1")["Content-Type"] == "application/octet-stream"


def test_entries_come_in_pages(home: Home, get: Get) -> None:
    for _ in range(5):
        happen()
    first = data(get("entries", limit="4"))
    second = data(get("entries", limit="4", cursor=first["next"]))
    assert [one["index"] for one in first["results"] + second["results"]] == list(range(7))  # and the listing's own
    assert set(first["results"][0]) == {"index", "kind", "time", "customer", "campaign", "leaf"}
    assert entry.decode(base64.b64decode(first["results"][0]["leaf"])).kind == "log.opened"


def test_the_sealed_record_can_be_verified_by_a_mirror(home: Home, get: Get) -> None:
    (draft,) = keep()
    answer = data(get(f"entries/{draft.index}/sealed"))
    leaf = entry.decode(base64.b64decode(answer["leaf"]))
    digests = [
        sha256(base64.b64decode(part)).hexdigest()
        for part in (answer["sealed"], answer["wrap"], answer["batch"]["envelope"])
    ]
    assert digests == [leaf.sealed_sha256, leaf.wrap_sha256, leaf.batch_sha256]


def test_a_proof_before_integration_is_409(home: Home, get: Get) -> None:
    response = get("entries/0/proof")
    assert (response.status_code, data(response)["code"]) == (409, "not_integrated")
    assert response["Retry-After"] == "2"


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("entries/999", {}, 404), ("entries/0/sealed", {}, 404), ("tile/0/999", {}, 404), ("tile/x", {}, 404),
        ("entries", {"limit": "0"}, 422), ("entries", {"limit": "x"}, 422), ("entries", {"cursor": "%%"}, 422),
        ("entries", {"cursor": "é"}, 422), ("entries", {"from": "-1"}, 422), ("entries", {"after": "yesterday"}, 422),
        ("entries", {"after": "2026-13-45"}, 422), ("entries", {"customer": "anna"}, 422), ("key", {"epoch": "x"}, 422),
        ("key", {"epoch": "9"}, 404), ("entries", {"kind": "no.such"}, 200), ("entries", {"after": "2026-01-01"}, 200),
        ("entries", {"from": "9" * 18}, 200), ("entries/" + "9" * 18 + "/proof", {}, 404),
    ],
)  # fmt: skip
def test_bad_input_is_told_and_never_breaks(
    home: Home, get: Get, path: str, query: dict[str, str], status: int
) -> None:
    tree.integrate(now=clock.now())
    assert get(path, **query).status_code == status


def test_scopes_are_asked_for(home: Home, get: Get) -> None:
    tree.integrate(now=clock.now())
    keep()
    nobody = actors.key(ids.uuid7(), frozenset({"message.send"}))
    reader = actors.key(ids.uuid7(), frozenset({"archive.list"}))
    for path in ("checkpoint", "key", "entries", "entries/0", "entries/0/proof", "tile/0/000.p/1", "entries/1/sealed"):
        assert get(path, nobody).status_code == 403, path
    assert get("entries", reader).status_code == 200
    assert get("entries/1/sealed", reader).status_code == 403


def test_other_businesses_have_their_own_log(home: Home, get: Get, found) -> None:  # type: ignore[no-untyped-def]
    keep()
    with found("globex").scope():
        assert get("entries/1/sealed").status_code == 404
