"""Search and audit as an officer meets them: no word in an address, no result without its entry, sentences that can be proved."""

import csv
import io
import re

import pytest
from django.test import Client

from archive.flows import searchindex
from archive.models import Entry
from portal.testing import browser
from portal.testing.cast import Cast

HERE = "/console/archive/search/"
AUDIT = "/console/archive/audit/"


@pytest.fixture
def officer(acme: Cast) -> Client:
    return browser.staff(acme, "officer")


def unlocked(cast: Cast) -> Client:
    client = browser.staff(cast, "officer")
    answer = client.post("/console/archive/unlock", {"passphrase": cast.passphrase, "reason": "test"})
    assert answer.status_code == 302, answer.content
    return client


def ask(client: Client, line: str, **more: str):  # type: ignore[no-untyped-def]
    """Post a line and follow to its results."""
    answer = client.post(HERE, {"q": line, "reason": "Complaint 7", **more})
    assert answer.status_code == 302, answer.content.decode()
    assert re.fullmatch(rf"{HERE}[0-9a-f-]{{36}}/", answer["Location"])
    return client.get(answer["Location"])


def text(answer) -> str:  # type: ignore[no-untyped-def]
    return answer.content.decode()


def test_an_officer_finds_what_was_just_said(acme: Cast) -> None:
    customer = acme.customer(name="Wanda Words")
    acme.send(customer, body="the xylophone recital moved", subject="Recital")
    page = ask(unlocked(acme), "xylophones", text="1")
    assert page.status_code == 200
    assert "xylophone recital" in text(page)
    assert "Wanda Words" in text(page)


def test_a_customer_is_found_by_reference(acme: Cast, officer: Client) -> None:
    wanted = acme.customer(name="Rita Reference", reference="R-4711")
    acme.send(wanted)
    acme.send(acme.customer(name="Other Person"))
    page = text(ask(officer, "to:R-4711"))
    assert "Rita Reference" in page
    assert "Other Person" not in page


def test_words_without_a_passphrase_say_what_to_do(officer: Client) -> None:
    page = ask(officer, "xylophone")
    assert page.status_code == 422
    assert "Open with the passphrase" in text(page)


def test_an_error_stands_beside_the_line_with_its_place(officer: Client) -> None:
    answer = officer.post(HERE, {"q": 'invoice "never closed', "reason": "x"})
    assert answer.status_code == 422
    assert "At character 9: this quotation mark is never closed." in text(answer)
    assert "never closed" in text(answer)


def test_the_form_changes_the_line(acme: Cast, officer: Client) -> None:
    page = text(ask(officer, "kind:message.sent", was="kind:message.sent", kind="message.received", until="2031-01-31"))
    assert "kind:message.received before:2031-02-01" in page


def test_a_facet_narrows_by_a_code_in_the_address(acme: Cast, officer: Client) -> None:
    acme.send(acme.customer())
    answer = officer.post(HERE, {"q": ""})
    page = officer.get(answer["Location"] + "?direction=in")
    assert page.status_code == 200
    assert "direction:in" in text(page)


def test_a_list_in_csv_is_safe_and_says_when_it_was_cut(
    acme: Cast, officer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = acme.customer(reference="CSV-1")
    for _ in range(3):
        acme.send(customer)
    monkeypatch.setattr("portal.web.listing.MOST_IN_CSV", 2)
    answer = officer.post(HERE, {"q": "customer:CSV-1"})
    rows = list(csv.reader(io.StringIO(text(officer.get(answer["Location"] + "?format=csv")))))
    assert len(rows) == 4
    assert rows[-1][0].startswith("There are more")


def test_a_kept_search_is_listed_run_and_deleted(officer: Client) -> None:
    place = officer.post(HERE, {"q": "kind:message.received"})["Location"]
    assert officer.post(f"{place}keep", {"name": "Inbound, all"}).status_code == 302
    home = text(officer.get(HERE))
    assert "Inbound, all" in home
    again = re.search(rf"{HERE}\?again=[0-9a-f-]+", home)
    assert again
    assert 'value="kind:message.received"' in text(officer.get(again[0]))
    officer.post(f"{place}delete")
    assert "Inbound, all" not in text(officer.get(HERE))


def test_nobody_elses_search_opens(acme: Cast, globex: Cast, officer: Client) -> None:
    place = officer.post(HERE, {"q": "kind:message.sent"})["Location"]
    for client in (browser.staff(acme, "owner"), browser.staff(globex, "officer")):
        for answer in (client.get(place), client.post(f"{place}keep", {"name": "x"}), client.post(f"{place}delete")):
            assert answer.status_code == 404


def test_each_page_of_results_is_an_entry(acme: Cast, officer: Client) -> None:
    place = officer.post(HERE, {"q": "kind:message.sent"})["Location"]
    with acme.inside():
        before = Entry.objects.filter(kind="archive.searched").count()
    officer.get(place)
    officer.get(place + "?direction=out")
    with acme.inside():
        assert Entry.objects.filter(kind="archive.searched").count() == before + 2


def test_the_clock_takes_new_records_in(acme: Cast, officer: Client) -> None:
    acme.send(acme.customer(reference="CLK-1"))
    with acme.inside():
        while searchindex.take_in().is_behind:
            pass
    assert "One row on this page" in text(ask(officer, "to:CLK-1"))


# ── audit ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_audit_says_who_did_what(acme: Cast, officer: Client) -> None:
    page = text(officer.get(AUDIT))
    assert "Officer signed in" in page
    assert "Author added a customer" in text(officer.get(f"{AUDIT}?group=customers"))
    assert "sent a message" not in page


def test_messages_that_staff_sent_stand_under_their_group(acme: Cast, officer: Client) -> None:
    acme.send(acme.customer())
    assert "Author sent a message" in text(officer.get(f"{AUDIT}?group=messages"))


def test_the_audit_of_one_person_and_one_customer(acme: Cast, officer: Client) -> None:
    customer = acme.customer(name="Paula Person", reference="PP-1")
    answer = officer.post(AUDIT, {"customer": "PP-1", "who": acme.author.label})
    assert answer.status_code == 302
    assert "PP-1" not in answer["Location"]
    assert str(customer) in answer["Location"]
    page = text(officer.get(answer["Location"]))
    assert "Author added a customer" in page
    assert "signed in" not in page


def test_an_erased_customer_has_no_name_in_the_audit(acme: Cast, officer: Client) -> None:
    from messaging.flows import customer as flow
    from portal.kernel import clock

    customer = acme.customer(name="Erik Erased", reference="EE-1")
    assert "Erik Erased" in text(officer.get(f"{AUDIT}?customer={customer}"))
    with acme.inside():
        flow.erase(actor=acme.owner, now=clock.now(), customer_id=customer)
    for page in (officer.get(AUDIT), officer.get(f"{AUDIT}?customer={customer}"), officer.get(f"{AUDIT}?format=csv")):
        assert "Erik Erased" not in text(page)
        assert "EE-1" not in text(page)


def test_a_customer_that_nobody_is_is_told_beside_the_field(officer: Client) -> None:
    answer = officer.post(AUDIT, {"customer": "nobody-at-all"})
    assert answer.status_code == 422
    assert "No customer has this reference" in text(answer)


def test_pages_of_the_audit_follow_one_another(acme: Cast, officer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.web.listing.SIZE", 3)
    seen: list[int] = []
    place = f"{AUDIT}?group=customers"
    for _ in range(3):
        page = text(officer.get(place))
        seen += [int(found) for found in re.findall(r'row-link num-start" href="[^"]*">(\d+)<', page)]
        cursor = re.search(r"cursor=(\d+)", page)
        if not cursor:
            break
        place = f"{AUDIT}?group=customers&cursor={cursor[1]}"
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) > 3
