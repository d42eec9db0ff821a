"""Importing customers: understood, tried, applied, stopped, resumed; nothing twice, nobody invited, nothing plain."""

from dataclasses import replace
from datetime import timedelta

import pytest

from archive.models import Entry
from messaging.flows import consent, importing, importrows
from messaging.models import Consent, Customer, Enrolment, ImportJob, ImportSlice
from messaging.queries import audiences, customers, imports, profiles
from portal.kernel import clock
from portal.kernel.errors import Refusal

Given = consent.Given
State = ImportJob.State


def upload(cast, text, **meaning):
    """Uploaded, its columns as guessed but for `meaning`."""
    with cast.inside():
        job = importing.upload(actor=cast.author, now=clock.now(), name="people.csv", raw=text.encode())
        guess = imports.open_(ImportJob.objects.get(id=job)).meaning
        importing.begin_check(
            actor=cast.author,
            now=clock.now(),
            import_id=job,
            meaning=replace(guess, **{"source": "old list", **meaning}),
        )
    return job


def work(cast, job):
    with cast.inside():
        return importing.work(import_id=job, until=clock.now() + timedelta(minutes=5))


def tried(cast, text, **meaning):
    job = upload(cast, text, **meaning)
    assert not work(cast, job)
    return job


def applied(cast, text, **meaning):
    job = tried(cast, text, **meaning)
    with cast.inside():
        importing.apply(actor=cast.author, now=clock.now(), import_id=job)
    assert not work(cast, job)
    return job


def figures(cast, job):
    with cast.inside():
        row = ImportJob.objects.get(id=job)
        found = imports.figures_of(row)
        return row.state, found.new, found.changed, found.unchanged, found.wrong


def problems(cast, job):
    with cast.inside():
        return {
            number: [code for _, code in told]
            for number, _, told in imports.wrong_rows(ImportJob.objects.get(id=job))
        }  # fmt: skip


def profile(cast, reference):
    with cast.inside():
        row = Customer.objects.get(id=customers.get_ids_by_reference([reference])[reference])
        return row, profiles.open_(row.id, row.sealed_profile)


def test_a_file_makes_customers_with_all_they_have(acme):
    job = applied(
        acme,
        "Kundennummer;Name;E-Mail;Telefon;Sprache;Zeitzone;Tags;Plan;Newsletter\n"
        "I-1;Zoë;ZOE@Example.org;0151 12345678;de_at;Europe/Vienna;vip, north;Gold;ja\n",
        country="DE", tags=["imported"],
    )  # fmt: skip
    assert figures(acme, job) == (State.DONE, 1, 0, 0, 0)
    row, found = profile(acme, "I-1")
    assert (found.name, found.email, found.phone) == ("Zoë", "zoe@example.org", "+4915112345678")
    assert (found.tags, found.fields) == (["imported", "north", "vip"], {"Plan": "Gold"})
    assert (row.language, row.time_zone, row.agreed) == ("de-AT", "Europe/Vienna", ["marketing:email"])
    with acme.inside():
        assert audiences.within(
            Customer.objects.filter(id=row.id), {"tags": {"all": ["vip", "imported"]}, "fields": {"Plan": "gold"}}
        ).exists()
        assert Consent.objects.filter(customer=row).count() == 1
        kinds = set(Entry.objects.values_list("kind", flat=True))
        assert {"customers.imported", "consents.imported"} <= kinds


def test_a_dry_run_tells_the_difference_and_changes_nothing(acme):
    pk = acme.customer(reference="D-1", name="Before", tags=["kept"])
    same = acme.customer(reference="D-2", name="Same", fields={"visits": 3})
    with acme.inside():
        before = {row.id: bytes(row.sealed_profile) for row in Customer.objects.filter(id__in=[pk, same])}
        count = Customer.objects.count()
    job = tried(
        acme, "reference,name,email,tags,visits\nD-1,After,,new,\nD-2,Same,,,3\nD-3,New,a@b.example,,\nD-4,Bad,nope,,\n"
    )
    assert figures(acme, job) == (State.CHECKED, 1, 1, 1, 1)
    with acme.inside():
        assert {row.id: bytes(row.sealed_profile) for row in Customer.objects.filter(id__in=before)} == before
        assert Customer.objects.count() == count
        found = imports.found_of(ImportJob.objects.get(id=job))
    assert [one["key"] for one in found["new"]] == ["D-3"]
    assert found["changed"][0]["changes"] == [["name", "Before", "After"], ["tags", "kept", "kept, new"]]
    assert found["wrong"] == [{"row": 5, "problems": [["email", "bad_email"]]}]


def test_the_same_file_again_changes_nothing(acme):
    text = "reference,name,tags,plan,marketing\nA-1,One,x,gold,yes\nA-2,Two,,,no\n"
    assert figures(acme, applied(acme, text)) == (State.DONE, 2, 0, 0, 0)
    assert figures(acme, applied(acme, text)) == (State.DONE, 0, 0, 2, 0)
    with acme.inside():
        assert Consent.objects.filter(customer=profile(acme, "A-1")[0]).count() == 1


def test_empty_cells_say_nothing_and_nothing_is_taken_away(acme):
    acme.customer(reference="E-1", name="Kept", email="kept@example.org", tags=["kept"], fields={"plan": "gold"})
    applied(acme, "reference,name,email,tags,plan,city\nE-1,,,,,Bonn\n")
    found = profile(acme, "E-1")[1]
    assert (found.name, found.email, found.tags) == ("Kept", "kept@example.org", ["kept"])
    assert found.fields == {"plan": "gold", "city": "Bonn"}


def test_each_wrong_row_says_what_is_wrong_and_the_others_are_applied(acme):
    job = applied(
        acme,
        "reference,name,email,phone,language,time zone,marketing\n"
        "W-1,ok,,,,,\nW-2,,no mail,,,,\nW-3,,,123,,,\nW-4,,,,klingonese!,,\nW-5,,,,,Mars/Base,\nW-6,,,,,,perhaps\n"
        ",nobody,,,,,\nW-1,again,,,,,\nW-7,a,,,,,,too many\n",
    )  # fmt: skip
    assert problems(acme, job) == {
        3: ["bad_email"], 4: ["bad_phone"], 5: ["bad_language"], 6: ["bad_time_zone"], 7: ["bad_consent"], 8: ["no_key"],
        9: ["twice_in_file"], 10: ["too_many_cells"],
    }  # fmt: skip
    assert profile(acme, "W-1")[1].name == "ok"
    assert figures(acme, job) == (State.DONE, 1, 0, 0, 8)


def test_an_import_lifts_no_opt_out_and_takes_one_in(acme):
    out, into = acme.customer(reference="O-1"), acme.customer(reference="O-2")
    with acme.inside():
        no, yes = Given("marketing", "email", "call", given=False), Given("marketing", "email", "form")
        consent.note(actor=acme.author, now=clock.now(), customer_id=out, given=[no])
        consent.note(actor=acme.author, now=clock.now(), customer_id=into, given=[yes])
    job = applied(acme, "reference,marketing\nO-1,yes\nO-2,no\n")
    assert (profile(acme, "O-1")[0].agreed, profile(acme, "O-1")[0].refused) == ([], ["marketing:email"])
    assert (profile(acme, "O-2")[0].agreed, profile(acme, "O-2")[0].refused) == ([], ["marketing:email"])
    with acme.inside():
        assert imports.figures_of(ImportJob.objects.get(id=job)).kept_out == 1


def test_customers_can_be_known_by_their_address(acme):
    acme.customer(reference="M-1", email="one@match.example")
    for _ in range(2):
        acme.customer(email="two@match.example")
    job = applied(
        acme,
        "email,name,reference\none@match.example,Named,\ntwo@match.example,Both,\nnew@match.example,New,M-1\n"
        "a@match.example,A,M-9\nb@match.example,B,M-9\n",
        match="email",
    )  # fmt: skip
    assert problems(acme, job) == {3: ["ambiguous"], 4: ["reference_taken"], 6: ["twice_in_file"]}
    assert profile(acme, "M-1")[1].name == "Named"
    assert profile(acme, "M-9")[1].name == "A"


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(importing, "SLICE", 2)


def test_a_key_twice_is_found_across_slices(acme, small):
    job = tried(acme, "reference\n" + "".join(f"S-{n % 5}\n" for n in range(7)))
    assert problems(acme, job) == {7: ["twice_in_file"], 8: ["twice_in_file"]}


def test_a_crash_costs_one_slice_and_nothing_is_done_twice(acme, small, monkeypatch):
    job = tried(acme, "reference,name\n" + "".join(f"K-{n},Name\n" for n in range(6)))
    with acme.inside():
        importing.apply(actor=acme.author, now=clock.now(), import_id=job)
    calls = []
    whole = importrows._write_counts

    def dies(*given, **at):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt  # the worker is killed in the middle of its second slice
        whole(*given, **at)

    monkeypatch.setattr(importrows, "_write_counts", dies)
    with pytest.raises(KeyboardInterrupt):
        work(acme, job)
    monkeypatch.undo()
    with acme.inside():
        made = customers.get_ids_by_reference(f"K-{n}" for n in range(6))
        assert sorted(made) == ["K-0", "K-1"]
    assert not work(acme, job)
    with acme.inside():
        assert len(customers.get_ids_by_reference(f"K-{n}" for n in range(6))) == 6
        assert {pk for piece in ImportSlice.objects.filter(job_id=job) for pk in piece.customers} >= set(made.values())
    assert figures(acme, job)[:2] == (State.DONE, 6)


def test_it_stops_after_the_slice_at_hand_and_goes_on(acme, small):
    job = tried(acme, "reference\n" + "".join(f"P-{n}\n" for n in range(6)))
    with acme.inside():
        importing.apply(actor=acme.author, now=clock.now(), import_id=job)
        row = ImportJob.objects.get(id=job)
        importrows.apply(row=row, now=clock.now())
        importing.stop(actor=acme.author, now=clock.now(), import_id=job)
    assert not work(acme, job)
    with acme.inside():
        assert len(customers.get_ids_by_reference(f"P-{n}" for n in range(6))) == 2
        importing.apply(actor=acme.author, now=clock.now(), import_id=job)
    assert not work(acme, job)
    with acme.inside():
        assert len(customers.get_ids_by_reference(f"P-{n}" for n in range(6))) == 6
    assert figures(acme, job)[0] == State.DONE


def test_what_changed_since_the_dry_run_is_looked_at_again(acme):
    job = tried(acme, "reference,name\nL-1,From the file\n")
    pk = acme.customer(reference="L-1", name="Made meanwhile", email="kept@example.org")
    with acme.inside():
        importing.apply(actor=acme.author, now=clock.now(), import_id=job)
    work(acme, job)
    row, found = profile(acme, "L-1")
    assert (row.id, found.name, found.email) == (pk, "From the file", "kept@example.org")


def test_a_new_address_pauses_recovery(acme):
    acme.customer(reference="R-1", email="old@example.org")
    applied(acme, "reference,email\nR-1,new@example.org\n")
    assert profile(acme, "R-1")[0].contact_changed_at is not None


def test_nobody_is_invited_until_somebody_asks(acme):
    with_device = acme.customer(reference="V-1", email="v1@example.org")
    acme.handset(with_device)
    no_mail = acme.customer(reference="V-2", email="v2@example.org")
    with acme.inside():
        said = [Given("all", "email", "call", given=False)]
        consent.note(actor=acme.author, now=clock.now(), customer_id=no_mail, given=said)
    text = "reference,email\nV-1,v1@example.org\nV-2,v2@example.org\nV-3,v3@example.org\nV-4,\n"
    job = applied(acme, text)
    new = profile(acme, "V-3")[0].id
    with acme.inside():
        assert not Enrolment.objects.filter(customer_id=new).exists()
        importing.invite(actor=acme.author, now=clock.now(), import_id=job)
    assert not work(acme, job)
    with acme.inside():
        assert list(Enrolment.objects.filter(customer_id=new).values_list("send_by", flat=True)) == ["email"]
        assert not Enrolment.objects.filter(customer_id=no_mail).exists()
        found = imports.figures_of(ImportJob.objects.get(id=job))
        assert (found.looked_at, found.invited) == (4, 1)
        assert ImportJob.objects.get(id=job).inviting == "done"
        with pytest.raises(Refusal) as refused:
            importing.invite(actor=acme.author, now=clock.now(), import_id=job)
    assert refused.value.code == "import_not_now"


def test_the_file_is_sealed_and_gone_after_a_week(acme, at):
    job = tried(acme, "reference,name\nkqzvsealed,kqzvsecretname\n,kqzvwrong\n")
    with acme.inside():
        row = ImportJob.objects.get(id=job)
        boxes = [row.sealed, row.sealed_found]
        for piece in ImportSlice.objects.filter(job=row):
            boxes += [piece.sealed_rows, piece.sealed_wrong]
        assert all(b"kqzv" not in bytes(box) for box in boxes)
        at.advance(days=7, seconds=1)
        importing.sweep(now=clock.now())
        assert not ImportJob.objects.filter(id=job).exists()
        assert not ImportSlice.objects.filter(job_id=job).exists()


def test_the_clock_takes_up_what_nobody_works_on(acme, at):
    from django_q.models import OrmQ

    job = upload(acme, "reference\nT-1\n")
    before = OrmQ.objects.count()
    with acme.inside():
        importing.sweep(now=clock.now())
        assert OrmQ.objects.count() == before
        at.advance(seconds=90)
        importing.sweep(now=clock.now())
        assert ImportJob.objects.get(id=job).began_at == clock.now()
    assert OrmQ.objects.count() > before


@pytest.mark.parametrize(
    ("meaning", "code"),
    [
        ({"columns": ["reference"]}, "bad_columns"),
        ({"columns": ["reference", "shoe size"]}, "bad_columns"),
        ({"columns": ["name", "email"]}, "missing_column"),
        ({"columns": ["reference", "reference"]}, "column_twice"),
        ({"match": "phone"}, "missing_column"),
        ({"country": "XX"}, "bad_country"),
        ({"columns": ["reference", "consent:marketing:sms"], "source": " "}, "bad_consent"),
        ({"tags": ["a,b"]}, "bad_tag"),
    ],
    ids=str,
)
def test_columns_that_cannot_be_read_are_refused(acme, meaning, code):
    with pytest.raises(Refusal) as refused:
        upload(acme, "reference,name\n1,a\n", **meaning)
    assert refused.value.code == code


def test_strangers_find_no_import(acme, globex):
    job = tried(acme, "reference\nN-1\n")
    for cast, actor, code in ((globex, globex.author, "not_found"), (acme, acme.officer, "not_allowed")):
        with cast.inside():
            for act in (importing.apply, importing.stop, importing.invite, importing.discard):
                with pytest.raises(Refusal) as refused:
                    act(actor=actor, now=clock.now(), import_id=job)
                assert refused.value.code == code
    assert not work(globex, job)
    assert figures(acme, job)[0] == State.CHECKED
