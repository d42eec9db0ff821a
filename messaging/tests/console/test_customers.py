"""The customers' pages: list and filters, tags in bulk, CSV, the profile, consent, audiences, the import from file to last row."""

import csv
import io
import re
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from archive.models import Entry
from messaging.flows import audience, importing
from messaging.models import Customer, ImportJob
from messaging.queries import audiences, customers, imports, profiles
from portal.kernel import clock


def text(answer):
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode()


def opened(cast, pk):
    with cast.inside():
        row = Customer.objects.get(id=pk)
        return row, profiles.open_(row.id, row.sealed_profile)


# ── the list ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_list_is_filtered_by_tag_and_audience(acme, author):
    acme.customer(name="Tagged Tina", tags=["console-vip"])
    acme.customer(name="Plain Pete")
    page = text(author.get("/console/customers/?tag=CONSOLE-VIP"))
    assert "Tagged Tina" in page
    assert "Plain Pete" not in page
    with acme.inside():
        made = audience.create(
            actor=acme.author, now=clock.now(), name="The Vips", wanted={"tags": {"any": ["console-vip"]}}
        )
    page = text(author.get(f"/console/customers/?audience={made}"))
    assert "Tagged Tina" in page
    assert "Plain Pete" not in page
    assert author.get(f"/console/customers/?audience={UUID(int=1)}").status_code == 404


def test_the_csv_is_complete_safe_against_formulas_and_an_entry(acme, author, officer):
    for n in range(3):
        acme.customer(
            name=f'=HYPERLINK("http://{n}")', reference=f"@csv-{n}", tags=["csv-mine"], phone="+4915112345699"
        )
    answer = author.get("/console/customers/?format=csv&tag=csv-mine")
    rows = list(csv.DictReader(io.StringIO(text(answer))))
    assert [row["reference"] for row in rows] == [f"'@csv-{n}" for n in (2, 1, 0)]
    assert all(row["name"].startswith("'=") and row["phone"].startswith("'+49") for row in rows)
    with acme.inside():
        entry = Entry.objects.filter(kind="customers.exported").latest("index")
        assert entry.actor == acme.author.label
    assert officer.get("/console/customers/?format=csv").status_code == 403


def test_a_tag_for_those_selected_and_for_everyone_in_the_list(acme, author):
    first, second = (acme.customer(tags=["bulk"]) for _ in range(2))
    other = acme.customer()
    author.post("/console/customers/tag", {"whom": "some", "act": "add", "tagged": "picked", "id": [str(first)]})
    assert opened(acme, first)[1].tags == ["bulk", "picked"]
    assert opened(acme, second)[1].tags == ["bulk"]
    answer = author.post(
        "/console/customers/tag", {"whom": "all", "act": "add", "tagged": "everyone", "tag": "bulk", "q": "", "has": ""}
    )
    assert answer["Location"].endswith("?tag=bulk")
    assert opened(acme, second)[1].tags == ["bulk", "everyone"]
    assert opened(acme, other)[1].tags == []
    author.post("/console/customers/tag", {"whom": "all", "act": "remove", "tagged": "EVERYONE", "tag": "bulk"})
    assert opened(acme, second)[1].tags == ["bulk"]
    with acme.inside():
        assert not audiences.within(Customer.objects.all(), {"tags": {"any": ["everyone"]}}).exists()
        assert Entry.objects.filter(kind="customers.tagged").count() >= 3


def test_another_businesss_customers_are_not_tagged(acme, globex, author):
    foreign = globex.customer()
    author.post("/console/customers/tag", {"whom": "some", "act": "add", "tagged": "x", "id": [str(foreign), "no id"]})
    assert opened(globex, foreign)[1].tags == []


# ── one customer ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_profile_is_changed_with_tags_and_fields(acme, author):
    pk = acme.customer(name="Before", fields={"visits": 3, "plan": "gold", "vip": True}, language="sv")
    page = text(author.get(f"/console/customers/{pk}/edit"))
    values = dict(re.findall(r'name="((?:field|value)-\d+)" value="([^"]*)"', page))
    assert sorted(values.values()) == ["", "", "", "", "3", "gold", "plan", "vip", "visits", "yes"]
    at = {name: key for key, name in values.items() if key.startswith("field")}
    values[at["plan"].replace("field", "value")] = ""
    values |= {"field-3": "city", "value-3": "Bonn"}
    answer = author.post(f"/console/customers/{pk}/edit", {"name": "After", "language": "sv", "tags": "b, a", **values})
    assert answer.status_code == 302, text(answer)
    row, found = opened(acme, pk)
    assert (found.name, found.tags, row.language) == ("After", ["a", "b"], "sv")
    assert found.fields == {"visits": 3, "vip": True, "city": "Bonn"}
    page = text(author.get(f"/console/customers/{pk}/"))
    assert "Bonn" in page
    bad = author.post(f"/console/customers/{pk}/edit", {"name": "x", "email": "no mail", "language": "en"})
    assert bad.status_code == 422
    assert "not an e-mail address" in text(bad)


def test_an_opt_out_is_noted_and_shown(acme, author):
    pk = acme.customer()
    said = {"given": "no", "purpose": "all", "channel": "all", "source": "on the phone"}
    assert author.post(f"/console/customers/{pk}/consent", said).status_code == 302
    assert opened(acme, pk)[0].refused == ["all"]
    page = text(author.get(f"/console/customers/{pk}/"))
    assert page.count("Opted out") == 2
    assert "on the phone" in page
    assert "Wants no messages" in text(author.get("/console/customers/"))
    author.post(f"/console/customers/{pk}/consent", {**said, "given": "yes"})
    assert opened(acme, pk)[0].refused == []


# ── audiences ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
FORM = {
    "name": "From the form", "tags_any": "form-a, form-b", "tags_none": "form-c", "field-0": "plan", "value-0": "gold, silver",
    "language": "de", "has_device": "no", "never_written_to": "yes", "consent_purpose": "marketing", "consent_channel": "email",
    "consent_is": "missing", "created_after": "2001-02-03", "created_before": "2999-01-01",
}  # fmt: skip


def test_an_audience_is_made_counted_and_changed(acme, author):
    pk = acme.customer(name="Fitting Fred", tags=["form-a"], fields={"plan": "gold"}, language="de")
    live = author.post("/console/customers/audiences/count", FORM).json()
    assert (live["count"], live["sample"][0]["id"]) == (1, str(pk))
    bad = author.post("/console/customers/audiences/count", {**FORM, "language": "?"}).json()
    assert "language" in bad["problem"]
    counted = author.post("/console/customers/audiences/new", {**FORM, "act": "count"})
    assert (counted.status_code, "Fitting Fred" in text(counted)) == (200, True)
    assert author.post("/console/customers/audiences/new", FORM).status_code == 302
    with acme.inside():
        made = next(one for one in audiences.get_audiences_for(acme.author) if one.name == FORM["name"])
    assert made.filter["created_after"] == "2001-02-03T00:00:00+00:00"
    page = text(author.get(f"/console/customers/audiences/{made.id}/"))
    assert 'value="form-a, form-b"' in page
    assert "Fitting Fred" in page
    assert "tagged form-a, form-b" in text(author.get("/console/customers/audiences/"))
    assert author.post(f"/console/customers/audiences/{made.id}/", {**FORM, "name": ""}).status_code == 422
    author.post(f"/console/customers/audiences/{made.id}/", {"name": "Everyone"})
    with acme.inside():
        assert audiences.get_audience_for(acme.author, made.id).filter == {}
    author.post(f"/console/customers/audiences/{made.id}/delete")
    assert author.get(f"/console/customers/audiences/{made.id}/").status_code == 404


def test_what_the_form_cannot_say_is_kept(acme, author):
    wanted = {"fields": {"note": ["a, b"]}, "created_after": "2001-02-03T04:05:06+00:00"}
    with acme.inside():
        made = audience.create(actor=acme.author, now=clock.now(), name="By a program", wanted=wanted)
    page = text(author.get(f"/console/customers/audiences/{made}/"))
    values = dict(re.findall(r'name="((?:field|value)-\d+)" value="([^"]*)"', page))
    values |= dict(re.findall(r'name="(created_\w+)" type="date" value="([^"]*)"', page))
    author.post(f"/console/customers/audiences/{made}/", {**values, "name": "Renamed"})
    with acme.inside():
        found = audiences.get_audience_for(acme.author, made)
    assert (found.name, found.filter) == ("Renamed", wanted)


def test_an_officer_sees_audiences_and_changes_none(acme, officer):
    assert officer.get("/console/customers/audiences/").status_code == 200
    assert officer.post("/console/customers/audiences/new", FORM).status_code == 404


# ── imports ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def upload(client, raw, **more):
    file = SimpleUploadedFile("people.csv", raw, content_type="text/csv")
    return client.post("/console/customers/imports/", {"file": file, **more})


def work(cast, path):
    with cast.inside():
        importing.work(import_id=UUID(path.rstrip("/").rsplit("/", 1)[-1]), until=clock.now() + timedelta(minutes=1))


def test_a_file_goes_its_whole_way(acme, author):
    raw = b'reference,name,marketing,plan\nway-1,"=cmd()|x",yes,gold\nway-2,Two,,silver\n,"-nobody",,\n'
    page = upload(author, raw)["Location"]
    form = text(author.get(page))
    assert "What the columns mean" in form
    assert '<option value="consent:marketing:email" selected>' in form
    chosen = {f"column-{n}": code for n, code in enumerate(("reference", "name", "consent:marketing:email", "field"))}
    refused = author.post(f"{page}check", {**chosen, "match": "reference"})
    assert (refused.status_code, "where the consents were given" in text(refused)) == (422, True)
    assert author.post(f"{page}check", {**chosen, "match": "reference", "source": "old list"}).status_code == 302
    assert 'Trying <span data-figure="done">0</span> of 3 rows' in text(author.get(page))
    work(acme, page)
    tried = text(author.get(page))
    assert "Nothing has changed yet" in tried
    assert "empty, so nobody knows whose row this is" in tried
    wrong = list(csv.reader(io.StringIO(text(author.get(f"{page}wrong")))))
    assert wrong[0] == ["row", "problem", "reference", "name", "marketing", "plan"]
    assert wrong[1] == ["4", "reference: empty, so nobody knows whose row this is", "", "'-nobody", "", ""]
    author.post(f"{page}apply")
    work(acme, page)
    done = text(author.get(page))
    assert "Nobody was told" in done
    with acme.inside():
        made = customers.get_ids_by_reference(["way-1", "way-2"])
    assert opened(acme, made["way-1"])[1].name == "=cmd()|x"
    assert opened(acme, made["way-2"])[1].fields == {"plan": "silver"}
    author.post(f"{page}invite")
    work(acme, page)
    assert "0 invited" in text(author.get(page))
    author.post(f"{page}discard")
    assert author.get(page).status_code == 404


def test_what_is_exported_can_be_imported_again(acme, author):
    pk = acme.customer(
        reference="round-1", name="-Round Trip", phone="+4915112345698", tags=["round"], email="r@example.org"
    )
    raw = text(author.get("/console/customers/?format=csv&tag=round")).encode()
    page = upload(author, raw)["Location"]
    header = raw.decode().splitlines()[0].split(",")
    known = {"reference", "name", "email", "phone", "language", "time_zone", "tags"}
    chosen = {f"column-{n}": name if name in known else "" for n, name in enumerate(header)}
    author.post(f"{page}check", {**chosen, "match": "reference"})
    work(acme, page)
    with acme.inside():
        job = ImportJob.objects.get(id=page.rstrip("/").rsplit("/", 1)[-1])
        found = imports.figures_of(job)
    assert (found.new, found.changed, found.unchanged, found.wrong) == (0, 0, 1, 0)
    assert opened(acme, pk)[1].phone == "+4915112345698"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "The file is empty"),
        (b"PK\x03\x04", "not a CSV file"),
        (b"a,b\n1,\x81\n", "characters cannot be read"),
        (b"a\n", "no rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_so(author, raw, words):
    answer = upload(author, raw)
    assert answer.status_code == 422
    assert words in text(answer)


def test_an_upload_stays_in_memory(author, tmp_path, settings):
    """Django would write what is over 2.5 MB to the temporary folder in plain."""
    raw = b"reference,name\n" + b"".join(b"big-%d,%s\n" % (n, b"x" * 150) for n in range(20_000))
    assert len(raw) > 3_000_000
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "nobody writes here")
    page = upload(author, raw)
    assert page.status_code == 302
    assert "20000 rows" in text(author.get(page["Location"]))
