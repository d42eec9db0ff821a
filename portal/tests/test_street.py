"""The street: imports point one way, and nobody imports another app's models. Read from the source, so that a lazy import
inside a function counts too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

# Nearer the roof first. `portal.testing` and the tests are outside the house; the roof is imported by nobody.
STREET = ("messaging", "portal.accounts", "archive", "tenants")
FLOOR = ("portal.kernel", "portal.sealing", "portal.web")
ROOF = ("portal.settings", "portal.urls", "portal.urls_public", "portal.asgi", "portal.launch")
OUTSIDE = ("portal.testing", "portal.tests")
PURE = ("messaging.rules", "archive.rules", "archive.ledger", "tenants.rules", "portal.sealing")
ROOTS = ("messaging", "archive", "tenants", "portal")


def _modules() -> Iterator[tuple[str, Path]]:
    for root in ROOTS:
        for file in sorted((settings.BASE_DIR / root).rglob("*.py")):
            parts = file.relative_to(settings.BASE_DIR).with_suffix("").parts
            if {"tests", "migrations", "testing"} & set(parts) or file.name == "conftest.py":
                continue
            yield ".".join(part for part in parts if part != "__init__"), file


def imports_of(source: str) -> set[str]:
    """Every module a source names, `from a import b` as both a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_in(module: str, place: str) -> bool:
    return module == place or module.startswith(f"{place}.")


def house_of(module: str) -> str:
    return next((place for place in (*STREET, *FLOOR, *ROOF, *OUTSIDE) if is_in(module, place)), "")


def fault(module: str, imported: str) -> str:  # noqa: PLR0911 (one line a rule of the street)
    """Why this import is against the street; "" if it is not."""
    here, there = house_of(module), house_of(imported)
    if not there or here == there or here in ROOF:
        return ""
    if there in (*ROOF, *OUTSIDE):
        return "the roof is imported by nobody"
    if here in FLOOR and there in STREET:
        return "the floor imports no app"
    if here == "portal.kernel" and there == "portal.web":
        return "the kernel imports no web"
    if here in STREET and there in STREET and STREET.index(there) < STREET.index(here):
        return "against the street"
    if here in STREET and is_in(imported, f"{there}.models"):
        return "another app's models"
    return ""


@pytest.mark.parametrize(("module", "file"), list(_modules()), ids=lambda one: one if isinstance(one, str) else "")
def test_imports_follow_the_street(module, file):
    faults = {name: why for name in imports_of(file.read_text()) if (why := fault(module, name))}
    assert not faults


@pytest.mark.parametrize(("module", "file"), [one for one in _modules() if any(is_in(one[0], pure) for pure in PURE)])
def test_pure_rooms_know_no_django(module, file):
    assert not {name for name in imports_of(file.read_text()) if is_in(name, "django") or is_in(name, "rest_framework")}


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("archive.flows.x", "messaging.flows.message"),
        ("archive.flows.x", "portal.accounts.queries.keys"),
        ("portal.web.x", "tenants.models"),
        ("messaging.flows.x", "archive.models"),
        ("messaging.flows.x", "portal.urls"),
        ("portal.kernel.x", "portal.web.problems"),
    ],
)
def test_the_street_knows_a_fault(module, imported):
    assert fault(module, imported)


def test_a_lazy_import_counts():
    assert "messaging.flows" in imports_of("def f():\n    from messaging.flows import message\n")
