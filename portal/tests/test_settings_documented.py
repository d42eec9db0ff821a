"""Every variable of the environment stands in docs/settings.md, as the code declares it, and nothing else does."""

import re

from django.conf import settings

from portal.kernel import env

PAGE = settings.BASE_DIR / "docs" / "settings.md"
ROW = re.compile(r"^\| `(EBB_\w+|DATABASE_URL)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
# Declared where the process that needs them starts, or differing with the environment of the test.
ONLY_IN_WEB = {"EBB_DB_POOL"}
FOLLOWS_ANOTHER = {"EBB_ALLOWED_HOSTS", "EBB_MAIL_FROM"}


def test_the_page_says_what_the_code_says():
    written = {name: (kind, default, about) for name, kind, default, about in ROW.findall(PAGE.read_text())}
    declared = {name: one for name, one in env.REGISTRY.items() if name not in ONLY_IN_WEB}
    assert set(written) >= set(declared)
    for name, one in declared.items():
        kind, default, about = written[name]
        assert (kind, about) == (one.kind, one.about), name
        if name not in FOLLOWS_ANOTHER:
            assert default.strip("`") == (one.default or "empty"), name


def test_no_setting_is_read_without_a_row():
    """Those that a few modules read for themselves, before there are settings, have a row too."""
    written = {name for name, *_ in ROW.findall(PAGE.read_text())}
    named: set[str] = set()
    for root in ("portal", "messaging", "archive", "tenants"):
        for file in (settings.BASE_DIR / root).rglob("*.py"):
            if "tests" in file.parts or "testing" in file.parts or file.name == "testing.py":
                continue
            named |= set(re.findall(r"environ(?:\.get\(|\[|\.setdefault\()\s*\"(EBB_\w+)\"", file.read_text()))
    assert not named - written
