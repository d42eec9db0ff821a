"""Counting by one statement says what counting one by one says."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import ApiKey, User
from portal.kernel import tally


def test_it_counts_what_each_would(acme):
    with acme.inside():
        asked = {
            "all": User.objects.all(), "sorted": User.objects.order_by("-name"), "none": User.objects.none(),
            "nobody": User.objects.filter(id__in=[]), "some": User.objects.filter(role__in=["owner", "author"]),
            "keys": ApiKey.objects.exclude(name="%s of 100 %"),
        }  # fmt: skip
        expected = {name: rows.count() for name, rows in asked.items()}
        with CaptureQueriesContext(connection) as seen:
            assert tally.count(asked) == expected
        assert expected["some"] == 2
        assert sum(one["sql"].startswith("SELECT") for one in seen) == 1


def test_a_cut_is_counted_no_further(acme):
    with acme.inside():
        assert User.objects.count() > 3
        assert tally.count({"first": User.objects.all()[:3], "ordered": User.objects.order_by("-name")[:2]}) == {
            "first": 3,
            "ordered": 2,
        }


def test_so_many_that_one_statement_cannot_hold_them(acme, monkeypatch):
    monkeypatch.setattr(tally, "MOST", 3)
    with acme.inside(), CaptureQueriesContext(connection) as seen:
        found = tally.count({str(n): User.objects.filter(role="owner") for n in range(7)})
    assert found == dict.fromkeys(map(str, range(7)), 1)
    assert sum(one["sql"].startswith("SELECT (") for one in seen) == 3


def test_nothing_asked_is_nothing_found(acme):
    with acme.inside(), CaptureQueriesContext(connection) as seen:
        assert tally.count({}) == {}
    assert len(seen) == 0
