"""Branding: a name and a colour; the picture shows what is drawn before it is saved."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from archive.models import Entry
from messaging.queries import policy
from messaging.rules import colour
from portal.kernel import tenancy
from portal.testing import browser

PAGE = "/console/settings/branding/"


def test_it_is_saved_and_customers_see_it(fresh):
    cast = fresh()
    owner = browser.staff(cast, "owner")
    answer = owner.post(PAGE + "change", {"name": "  Fresh & Co ", "accent": "plum", "own": ""})
    assert answer.status_code == 302
    with tenancy.tenant_scope(tenancy.directory().by_id(cast.place.id)) as place:
        assert place.name == "Fresh & Co"
        assert policy.get_policy().accent == "plum"
        assert Entry.objects.filter(kind="settings.changed").count() == 1
    assert "Fresh &amp; Co" in browser.visitor(cast).get("/inbox/").content.decode()
    assert owner.post(PAGE + "change", {"name": "Fresh & Co", "accent": "plum"}).status_code == 302
    with cast.inside():
        assert Entry.objects.filter(kind="settings.changed").count() == 1, "nothing was changed"
    owner.post(PAGE + "change", {"name": "Fresh & Co", "accent": "plum", "own": "#FFEE00"})
    with cast.inside():
        assert policy.get_policy().accent == "#ffee00"
    assert "--accent-light" in browser.visitor(cast).get("/console/accent.css").content.decode()


@pytest.mark.parametrize(("name", "own"), [
    ("", ""), (" ", ""), ("x" * 101, ""), ("a\nb", ""), ("Fine", "red"), ("Fine", "#12345"), ("Fine", "#12345g"),
    ("Fine", "url(x)"),
])  # fmt: skip
def test_bad_input_changes_nothing(acme, name, own):
    owner = browser.staff(acme, "owner")
    assert owner.post(PAGE + "change", {"name": name, "accent": "", "own": own}).status_code == 422
    assert tenancy.directory().by_id(acme.place.id).name == acme.place.name


def test_others_do_not(acme):
    for role, status in (("officer", 404), ("author", 404)):
        client = browser.staff(acme, role)
        assert client.post(PAGE + "change", {"name": "Mine", "accent": ""}).status_code == status


@pytest.mark.parametrize("asked", ["", "rust", "#ffee00", "#000000", "nonsense", "#zzzzzz", "<script>"])
def test_the_picture_can_always_be_read(acme, asked):
    answer = browser.staff(acme, "owner").get(PAGE + "preview.svg", {"accent": asked})
    drawn = answer.content.decode()
    assert answer["content-type"].startswith("image/svg+xml")
    assert "style=" not in drawn
    assert "script" not in drawn
    ratios = [float(found) for found in re.findall(r"([0-9.]+) to 1", drawn)]
    assert len(ratios) == 2
    assert min(ratios) >= colour.WANTED


def test_names_are_those_of_the_style_sheet():
    sheet = (Path(settings.BASE_DIR) / "portal/web/static/css/tokens.css").read_text()
    rows = r'data-accent="(\w+)"\] \{ --accent-light: (#\w{6}); --accent-dark: (#\w{6});'
    told = {name: (light, dark) for name, light, dark in re.findall(rows, sheet)}
    own = re.search(r"--accent-light: (#\w{6});\s+--accent-dark: (#\w{6});", sheet)
    assert own is not None
    assert told | {"": own.groups()} == colour.NAMED
