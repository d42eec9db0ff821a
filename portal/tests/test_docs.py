"""The docs tell of everything that stands still: codes and their statuses, kinds of entries, addresses of the API and of a
device, frames. (Settings: `test_settings_documented`; content: `test_stores`.)"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.urls import get_resolver

from archive.ledger.kinds import KINDS
from messaging.rules import state
from messaging.sockets import protocol
from portal.accounts import scim_urls
from portal.kernel import roles
from portal.kernel.errors import Kind
from portal.sealing import errors as sealing
from portal.web import problems

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("[a-z]*/**/README.md")])
METHODS = ("get", "post", "put", "patch", "delete")
ROW = re.compile(r"^\| (`[a-z_`, ]+`) \| ([0-9]{3}) \|", re.MULTILINE)
BY_STATE = {"device_locked", "device_wiping", "device_revoked"}  # made of a device's state
PARAMETERS = ("from", "to", "after", "before", "customer", "campaign", "limit", "cursor")  # made of the name of one

Code = tuple[str, int]


def calls() -> Iterator[ast.Call]:
    for app in ("portal", "tenants", "archive", "messaging"):
        for file in sorted((ROOT / app).rglob("*.py")):
            if not {"tests", "testing", "launch", "demo"} & set(file.relative_to(ROOT).parts):
                for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.Call):
                        yield node


def refusals() -> set[Code]:
    """(code, status) of every refusal that the code can make."""
    found = {(sealing_error.code, 503) for sealing_error in _all_of(sealing.SealingError)}
    found |= {(code, problems.STATUS[kind]) for code, _, kind in problems._FRAMEWORK.values()}
    found |= {(code, 403) for code in BY_STATE} | {(f"bad_{name}", 422) for name in PARAMETERS}
    for call in calls():
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name in {"Refusal", "refuse"} and call.args and isinstance(call.args[0], ast.Constant):
            found.add((call.args[0].value, problems.STATUS[_kind(call, name)]))
    return {(code, problems.STATUS_OF_CODE.get(code, status)) for code, status in found}


def _all_of(cls: type) -> Iterator[type]:
    yield cls
    for below in cls.__subclasses__():
        yield from _all_of(below)


def _kind(call: ast.Call, name: str) -> Kind:
    given = [*call.args[2:3], *(word.value for word in call.keywords if word.arg == "kind")]
    if given:
        return Kind[given[0].attr]  # type: ignore[attr-defined]
    return Kind.CONFLICT if name == "refuse" else Kind.INVALID


def told_codes() -> dict[str, int]:
    rows = [(code, int(status)) for codes, status in ROW.findall(PROTOCOL) for code in re.findall(r"`(\w+)`", codes)]
    assert len(rows) == len(dict(rows)), "a code stands twice"
    return dict(rows)


def test_every_code_is_in_the_tables_and_no_other():
    known = {code for code, _ in refusals()}
    assert {"empty_body", "log_behind", "keyring_full", "device_locked", "bad_from"} <= known
    assert sorted(known - set(told_codes())) == []
    assert sorted(set(told_codes()) - known) == []


def test_every_code_has_a_status_that_it_can_have():
    possible = refusals()
    odd = {("recovery_key_unreadable", 422)}  # `birth` tells it as bad input
    assert sorted(set(told_codes().items()) - possible - odd) == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_entry_is_in_the_table(kind):
    assert f"| `{kind}` | {KINDS[kind]}" in PROTOCOL


def test_every_call_of_the_api_is_told():
    assert sorted(api() - told_calls()) == []


def test_no_call_is_told_that_is_not_there():
    told = {call for call in told_calls() if "tile" not in call and "inbox" not in call and "z" not in call[-2:]}
    assert sorted(told - api()) == []


def api() -> set[str]:
    """`POST customers/{}/enrolments`: methods and addresses below /api/v1/."""
    found = set()
    for entry in get_resolver().url_patterns:
        prefix = str(entry.pattern)
        if prefix.startswith("api/v1/"):
            for one in entry.url_patterns:
                path = re.sub(r"<[^>]+>", "{}", prefix.removeprefix("api/v1/") + str(one.pattern))
                found |= {f"{method.upper()} {path}" for method in METHODS if _answers(one.callback.view_class, method)}
    return {call for call in found if "tile" not in call} | {"GET archive/tile/{}"}


BASES = {"messaging.api.views", "archive.api.acts"}


def _answers(view: type, method: str) -> bool:
    """The bases of all views have a `post` for what they share; it alone answers nothing."""
    return any(method in cls.__dict__ for cls in view.__mro__ if cls.__module__ not in BASES)


def told_calls() -> set[str]:
    """The first cells of the tables, with `…/x` read as the cell's first call with another end."""
    told = set()
    for cell in re.findall(r"^\| (`(?:GET|POST|PATCH|DELETE) .*?) \|", PROTOCOL, re.MULTILINE):
        calls = re.findall(r"`([^`]+)`", re.sub(r"\{[a-z]+\}", "{}", cell))
        first = calls[0]
        told |= {first.rpartition("/")[0] + call.removeprefix("…") if call[0] == "…" else call for call in calls}
    return {"GET archive/tile/{}" if "tile/<L>" in call else call for call in told}


def test_every_address_of_a_device_is_told():
    addresses = next(one for one in get_resolver().url_patterns if str(one.pattern) == "inbox/").url_patterns
    shell = {"", "sw.js", "manifest.webmanifest"}  # files of the page
    paths = {re.sub(r"<[^>]+>", "{}", str(one.pattern)) for one in addresses} - shell
    plain = re.sub(r"\{[a-z]+\}|<token>", "{}", PROTOCOL).replace("`, `…", " /inbox/messages/{}")
    assert sorted(path for path in paths if f"/inbox/{path}" not in plain) == []


def test_every_address_of_the_providers_program_is_told():
    paths = [re.sub(r"<[^>]+>", "{id}", str(one.pattern)) for one in scim_urls.urlpatterns]
    assert len(paths) == 9
    assert [path for path in paths if not re.search(rf"^\| .*`{re.escape(path)}`.* \|", PROTOCOL, re.MULTILINE)] == []


def test_every_frame_of_a_device_is_told():
    assert [kind for kind in protocol.COSTS if f'"type":"{kind}"' not in PROTOCOL and f"`{kind}`" not in PROTOCOL] == []


def test_states_and_scopes_are_told():
    assert [one for one in state.STATES if f"`{one}`" not in PROTOCOL] == []
    unused = {"settings.view"}  # a scope that no call of the API asks for yet
    missing = [one for one in roles.SCOPES - unused if f"| {one} |" not in PROTOCOL and one not in PROTOCOL]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    lost = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert lost == []


def test_every_test_that_the_page_of_attacks_names_is_there():
    page = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if row.startswith("| ") and not row.startswith("| what is tried")]
    named = re.findall(r"`([\w/]+)::(test_\w+)`", page)
    assert len(named) > 80
    assert [row for row in rows if "::test_" not in row] == []
    assert [f"{file}::{name}" for file, name in named if name not in _tests_of(file)] == []


@cache
def _tests_of(file: str) -> set[str]:
    path = ROOT / f"{file}.py"
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.Module([], [])
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
