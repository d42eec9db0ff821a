"""The unit of work: what failed leaves neither rows nor entries nor acts, also inside a unit that goes on."""

import pytest

from archive.models import Entry
from messaging.flows import consent, customer
from messaging.models import Customer
from portal.kernel import clock, ids, unit
from portal.kernel.errors import Refusal


def fail_half_way(acts):
    with unit.work() as u:
        Customer.objects.create(
            subject_id=ids.uuid4(), sealed_profile=b"", created_at=clock.now(), updated_at=clock.now()
        )
        u.after_commit(lambda: acts.append("inner"))
        raise KeyError


def test_a_part_that_was_refused_leaves_no_entry(fresh):
    it = fresh()
    acts = []
    bad = customer.Details(name="x", consent=(consent.Given("no-purpose", "inbox", "s"),))
    with it.inside():
        with unit.work() as u:
            u.after_commit(lambda: acts.append("outer"))
            with pytest.raises(Refusal):
                customer.create(actor=it.author, now=clock.now(), details=bad)
            with pytest.raises(KeyError):
                fail_half_way(acts)
            u.entry(unit.Draft("category.created", it.author.label, codes={"key": "k", "purpose": "service"}))
        assert not Customer.objects.exists()
        assert not Entry.objects.filter(kind="customer.created").exists()
        assert Entry.objects.filter(kind="category.created").count() == 1
    assert acts == ["outer"]
