"""Businesses made ahead: a birth takes seconds, and a test that asks for `fresh` would begin each child with one.

They are made before the copies are: every child finds them unused. A birth is not looked at while tests are watched, or each test
would seem to reach what only the cast's making does.
"""

import sys

from portal.testing import cast

AHEAD = 3
_build = cast.build
_ahead: list[cast.Cast] = []


def take_over() -> None:
    """From now on the cast's fixtures ask here."""
    cast.build = _take


def make_ahead() -> None:
    _ahead.extend(_build(f"ahead-{number}", "Fresh Business") for number in range(AHEAD))


def _take(slug: str, name: str) -> cast.Cast:
    if slug.startswith("fresh-") and _ahead:
        return _ahead.pop()
    looking = sys.gettrace()
    sys.settrace(None)
    try:
        return _build(slug, name)
    finally:
        sys.settrace(looking)
