"""The roof of the test suite: one embedded PostgreSQL, settings from the environment, and an honest last paragraph.

The environment is made while this file is imported: Django's settings are read right after, by pytest-django or by
the first conftest of an app that imports a model.
"""

import os

import django
import pytest

from portal.launch import testing

WORKER = os.environ.get("PYTEST_XDIST_WORKER")
FULL = os.environ.get("EBB_FULL") == "1"
ONLY_IN_FULL = {"load": "load and scale", "chaos": "long runs of killing processes"}

house = None if WORKER else testing.TestHouse()
if house is not None:
    house.open()
if WORKER:
    testing.use_own_keyring(WORKER)
if browser := testing.chromium():
    os.environ["EBB_CHROMIUM"] = browser
try:
    django.setup()
except BaseException:
    if house is not None:
        house.close()
    raise
pytest_plugins = ("portal.testing.cast", "portal.testing.processes", "portal.testing.installation")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="the full figures, not the quick ones")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("ahead") is not None)
    if FULL:
        return
    for item in items:
        for marker, what in ONLY_IN_FULL.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"{what}: only with --full"))


def pytest_terminal_summary(terminalreporter) -> None:  # type: ignore[no-untyped-def]
    """Name in one place what this run could not or did not run."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = sorted({report.longrepr[2].removeprefix("Skipped: ") for report in skipped if report.longrepr})
    terminalreporter.section("not run here" if reasons else "everything was run")
    for reason in reasons:
        count = sum(reason in report.longrepr[2] for report in skipped if report.longrepr)
        terminalreporter.line(f"{count} × {reason}")


def pytest_unconfigure() -> None:
    if house is not None:
        house.close()
