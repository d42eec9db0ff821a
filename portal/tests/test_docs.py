"""The docs tell of everything that stands still: codes, kinds of entries, addresses of the API."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import get_resolver

from archive.ledger.kinds import KINDS

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


def sources() -> Iterator[Path]:
    for app in ("portal", "tenants", "archive", "messaging"):
        for file in (ROOT / app).rglob("*.py"):
            if not {"tests", "testing", "launch", "demo"} & set(file.relative_to(ROOT).parts):
                yield file


def codes() -> set[str]:
    """The first argument of every `Refusal(…)` in the code."""
    found = set()
    for file in sources():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _is_refusal(node) and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


def _is_refusal(call: ast.Call) -> bool:
    return bool(call.args) and getattr(call.func, "id", getattr(call.func, "attr", "")) == "Refusal"


def test_there_are_codes_to_look_for():
    assert {"empty_body", "not_found", "bad_lifetime"} <= codes()


def test_every_code_is_in_the_table():
    assert sorted(code for code in codes() if f"| `{code}` |" not in PROTOCOL) == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_entry_is_in_the_table(kind):
    assert f"| `{kind}` |" in PROTOCOL


def test_every_address_of_the_api_is_told():
    missing = [path for path in _api() if path not in _told()]
    assert missing == []


def _api() -> list[str]:
    """Addresses below /api/v1/, each variable written as {}."""
    found = []
    for entry in get_resolver().url_patterns:
        prefix = str(entry.pattern)
        if prefix.startswith("api/v1/"):
            found += [prefix.removeprefix("api/v1/") + str(one.pattern) for one in entry.url_patterns]
    return sorted({re.sub(r"<[^>]+>", "{}", path).split("tile/")[0] for path in found})


def _told() -> set[str]:
    """What the tables name, with `…/x` read as the line's first address with another end."""
    told = set()
    for line in PROTOCOL.splitlines():
        heads = re.findall(r"(?:GET|POST|PATCH|DELETE) ([a-z][a-z/{}-]*)", re.sub(r"\{[a-z]+\}", "{}", line))
        ends = re.findall(r"`…/([a-z]+)`", line)
        told |= set(heads)
        told |= {f"{head.rsplit('/', 1)[0]}/{end}" for head in heads for end in ends}
    return told | {"archive/"}
