"""Audiences: every condition of the filter against the customers it names; nothing is readable in the database."""

from datetime import timedelta
from uuid import UUID

import pytest

from archive.models import Entry
from messaging.flows import audience, consent, customer
from messaging.models import Audience, Customer
from messaging.queries import audiences, customers
from messaging.rules import consent as rules
from portal.kernel import clock
from portal.kernel.errors import Refusal

Given = consent.Given


@pytest.fixture(scope="module")
def home(house):
    """A business of its own, so that whom a filter names is known to the last: by name, in order."""
    from portal.testing.cast import build

    cast = build("audiences", "Audience House")
    people = {
        "ada": {"tags": ["VIP", "north"], "fields": {"plan": "Gold", "visits": 3, "adult": True}, "language": "de-AT"},
        "ben": {
            "tags": ["vip"],
            "fields": {"plan": "silver", "visits": 3.0},
            "language": "de",
            "time_zone": "Asia/Tokyo",
        },
        "cyd": {"tags": ["north"], "fields": {"plan": "gold"}, "time_zone": "UTC"},
        "dot": {},
    }
    cast.people = {name: cast.customer(name=name, **given) for name, given in people.items()}
    cast.handset(cast.people["ada"])
    cast.send(cast.people["ben"])
    with cast.inside():
        said = {
            "ada": [Given("marketing", "email", "form")],
            "ben": [Given("marketing", "sms", "form"), Given("all", "sms", "call", given=False)],
            "cyd": [Given("marketing", "email", "form"), Given("all", "all", "call", given=False)],
        }
        for name, given in said.items():
            consent.note(actor=cast.author, now=clock.now(), customer_id=cast.people[name], given=given)
    return cast


def named(home, wanted):
    with home.inside():
        rows = audiences.within(Customer.objects.all(), wanted)
        found = {name for name, pk in home.people.items() if pk in set(rows.values_list("id", flat=True))}
        assert audiences.count(wanted) == len(found) == rows.count()
        people = {home.people[name] for name in found}
        assert {row.id for row in audiences.sample(wanted, len(found))} <= people
        assert len(audiences.sample(wanted, len(found))) == min(len(found), audiences.SAMPLE)
    return "".join(sorted(name[0] for name in found))


@pytest.mark.parametrize(
    ("wanted", "who"),
    [
        ({}, "abcd"),
        ({"tags": {"any": ["vip"]}}, "ab"),
        ({"tags": {"any": ["Vip", "NORTH"]}}, "abc"),
        ({"tags": {"all": ["vip", "north"]}}, "a"),
        ({"tags": {"none": ["vip"]}}, "cd"),
        ({"tags": {"any": ["north"], "none": ["vip"]}}, "c"),
        ({"tags": {"any": ["no such tag"]}}, ""),
        ({"fields": {"plan": "GOLD"}}, "ac"),
        ({"fields": {"plan": ["gold", "silver"], "visits": "3"}}, "ab"),
        ({"fields": {"visits": 3}}, "ab"),
        ({"fields": {"adult": True}}, "a"),
        ({"language": "de"}, "ab"),
        ({"language": ["DE-at"]}, "a"),
        ({"language": ["de", "en"]}, "abcd"),
        ({"time_zone": "Asia/Tokyo"}, "b"),
        ({"time_zone": ["UTC"]}, "acd"),
        ({"has_device": True}, "a"),
        ({"has_device": False}, "bcd"),
        ({"never_written_to": True}, "acd"),
        ({"never_written_to": False}, "b"),
        ({"consent": {"purpose": "marketing"}}, "a"),
        ({"consent": {"purpose": "marketing", "channel": "email"}}, "a"),
        ({"consent": {"purpose": "marketing", "channel": "sms"}}, ""),
        ({"consent": {"purpose": "marketing", "is": "missing"}}, "bd"),
        ({"consent": {"purpose": "marketing", "channel": "sms", "is": "refused"}}, "bc"),
        ({"consent": {"purpose": "service"}}, "abd"),
        ({"consent": {"purpose": "service", "is": "refused"}}, "c"),
        ({"created_after": "2001-01-01T00:00:00Z", "created_before": "2999-01-01T00:00:00+02:00"}, "abcd"),
        ({"created_before": "2001-01-01T00:00:00Z"}, ""),
        ({"created_after": "2999-01-01T00:00:00Z"}, ""),
        ({"tags": {"any": ["vip"]}, "language": "de", "has_device": False, "never_written_to": False}, "b"),
    ],
    ids=str,
)
def test_each_condition_names_exactly_these(home, wanted, who):
    assert named(home, wanted) == who


@pytest.mark.parametrize(
    ("wanted", "code", "field"),
    [
        ([], "bad_filter", "filter"),
        ({"tag": {"any": ["x"]}}, "unknown_filter", "filter"),
        ({"tags": ["x"]}, "bad_filter", "filter.tags"),
        ({"tags": {}}, "bad_filter", "filter.tags"),
        ({"tags": {"some": ["x"]}}, "bad_filter", "filter.tags"),
        ({"tags": {"any": []}}, "bad_filter", "filter.tags.any"),
        ({"tags": {"any": ["x" * 41]}}, "bad_tag", "tags"),
        ({"tags": {"any": ["a\ud800"]}}, "bad_filter", "filter.tags.any"),
        ({"fields": {}}, "bad_filter", "filter.fields"),
        ({"fields": {"plan": None}}, "bad_filter", "filter.fields"),
        ({"fields": {"plan": {"x": 1}}}, "bad_filter", "filter.fields"),
        ({"fields": {"": "x"}}, "bad_fields", "fields"),
        ({"language": "?"}, "bad_filter", "filter.language"),
        ({"language": [1]}, "bad_filter", "filter.language"),
        ({"time_zone": "Mars/Base"}, "bad_filter", "filter.time_zone"),
        ({"has_device": "yes"}, "bad_filter", "filter.has_device"),
        ({"consent": {"channel": "email"}}, "bad_filter", "filter.consent"),
        ({"consent": {"purpose": "marketing", "channel": "fax"}}, "bad_filter", "filter.consent"),
        ({"consent": {"purpose": "marketing", "is": "perhaps"}}, "bad_filter", "filter.consent"),
        ({"consent": {"purpose": ["marketing"]}}, "bad_filter", "filter.consent"),
        ({"created_after": "yesterday"}, "bad_filter", "filter.created_after"),
        ({"created_after": "2026-01-01T00:00:00"}, "bad_filter", "filter.created_after"),
        ({"created_before": 5}, "bad_filter", "filter.created_before"),
        ({"never_written_to": 1}, "bad_filter", "filter.never_written_to"),
    ],
    ids=str,
)
def test_what_is_no_filter_says_where_it_is_wrong(home, wanted, code, field):
    with home.inside(), pytest.raises(Refusal) as refused:
        audience.create(actor=home.author, now=clock.now(), name="x", wanted=wanted)
    assert (refused.value.code, refused.value.fields["field"]) == (code, field)


@pytest.mark.parametrize("purpose", ["service", "marketing"])
def test_the_database_and_the_rule_say_the_same_of_everyone(home, purpose):
    """`why_not` is written twice: over one row in Python for a chunk, in SQL for the expansion of a run."""
    from django.db import connection

    sql, values = audiences.why_not(purpose)
    with home.inside():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT c.id, {sql} FROM messaging_customer c", values)
            told = dict(cursor.fetchall())
        rows = Customer.objects.all()
        assert told == {row.id: rules.why_not(purpose, row.agreed, row.refused) for row in rows}
    by_name = [told[home.people[name]] for name in ("ada", "ben", "cyd", "dot")]
    assert by_name == (
        ["", "no_consent", "opted_out", "no_consent"] if purpose == "marketing" else ["", "", "opted_out", ""]
    )


def test_marks_follow_every_write_of_a_profile(acme):
    pk = acme.customer(tags=["a"], fields={"x": "1"})

    def has(**wanted):
        with acme.inside():
            return audiences.within(Customer.objects.filter(id=pk), wanted).exists()

    assert has(tags={"all": ["a"]}, fields={"x": "1"})
    with acme.inside():
        customer.change(
            actor=acme.author, now=clock.now(), customer_id=pk,
            details=customer.Details(tags=["b"], fields={"x": None, "y": 2}),
        )  # fmt: skip
    assert not has(tags={"any": ["a"]})
    assert not has(fields={"x": "1"})
    assert has(tags={"all": ["B"]}, fields={"y": "2"})


def test_an_audience_is_kept_sealed_changed_and_deleted(acme):
    with acme.inside():
        made = audience.create(
            actor=acme.author, now=clock.now(), name="Secret campaign", wanted={"tags": {"any": ["VIP"]}}
        )
        sealed = bytes(Audience.objects.get(id=made).sealed)
        assert b"Secret" not in sealed
        assert b"VIP" not in sealed
        audience.change(actor=acme.author, now=clock.now() + timedelta(seconds=1), audience_id=made, name="Other")
        opened = audiences.get_audience_for(acme.author, made)
        assert (opened.name, opened.filter) == ("Other", {"tags": {"any": ["VIP"]}})
        audience.delete(actor=acme.author, now=clock.now(), audience_id=made)
        with pytest.raises(Refusal):
            audiences.get_audience_for(acme.author, made)
        assert Entry.objects.filter(kind__startswith="audience.").count() >= 3


def test_strangers_find_no_audience(acme, globex):
    with acme.inside():
        made = audience.create(actor=acme.author, now=clock.now(), name="x", wanted={})
        with pytest.raises(Refusal) as refused:
            audience.change(actor=acme.officer, now=clock.now(), audience_id=made, name="y")
    assert refused.value.code == "not_allowed"
    with globex.inside():
        for act in (
            lambda: audiences.get_audience_for(globex.author, made),
            lambda: audience.change(actor=globex.author, now=clock.now(), audience_id=made, name="y"),
            lambda: audience.delete(actor=globex.author, now=clock.now(), audience_id=made),
        ):
            with pytest.raises(Refusal) as refused:
                act()
            assert refused.value.code == "not_found"


def test_a_tag_of_one_business_is_another_hash_elsewhere(acme, globex):
    """I7: equal tags of two businesses do not look equal."""
    marks = set()
    for cast in (acme, globex):
        pk: UUID = cast.customer(tags=["the same"])
        with cast.inside():
            marks.add(tuple(Customer.objects.get(id=pk).marks))
    assert len(marks) == 2


def test_customers_are_listed_by_tag(acme):
    pk = acme.customer(tags=["only-here"])
    with acme.inside():
        assert list(customers.get_customers_for(acme.author, tag="Only-Here").values_list("id", flat=True)) == [pk]
