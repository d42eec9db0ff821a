"""The console's pages of campaigns: what they show, whom they let do what, and that nothing is sent by a draft's page."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from messaging.flows import campaigntext, template
from messaging.models import Campaign, Message, Run
from messaging.rules import wording
from messaging.tests.campaign.conftest import Desk
from portal.kernel import clock
from portal.testing import browser

LIST = "/console/campaigns/"


@pytest.fixture
def author(desk: Desk):
    return browser.staff(desk.cast, "author")


def form(**given: str) -> dict[str, str]:
    return {
        "name": "Spring",
        "audience": "",
        "body": "Come in.",
        "format": "text",
        "gone_after": "3600",
        "time": "now",
        **given,
    }


def newest(desk: Desk) -> Campaign:
    with desk.cast.inside():
        return Campaign.objects.order_by("-id")[0]


def page(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_from_a_draft_to_its_ledger(desk: Desk, author) -> None:
    answer = author.post(f"{LIST}new", form(name="Flu shots", subject="From October"))
    path = answer["Location"]
    assert "Draft" in page(author, path)
    assert "Nothing is sent" in page(author, path)
    simulated = author.post(f"{path}simulate").content.decode()
    assert "Would get it" in simulated
    assert ">5<" in simulated
    assert "Come in." in simulated
    assert author.post(f"{path}start", {"verb": "send"}).status_code == 302
    assert "It is about to be sent" in page(author, path)
    with desk.cast.inside():
        runs = Run.objects.filter(campaign_id=newest(desk).id)
        assert not Message.objects.filter(run_id__in=runs.values("id")).exists()
    desk.at.advance(minutes=1)
    desk.work()
    shown = page(author, path)
    assert "Finished" in shown
    assert ">5</span> of 5 sent" in shown
    run = desk.runs(newest(desk).id)[0]
    ledger = page(author, f"{path}runs/{run.number}/")
    assert ledger.count("row-link") == 5
    assert f'data-part="{path}runs/{run.number}/taken"' in ledger
    taken = page(author, f"{path}runs/{run.number}/taken")
    assert f'href="{path}runs/{run.number}/?state=sent"' in taken
    assert '<polyline data-line="sent"' in taken
    assert "The lines rise as customers come" in taken
    desk.at.advance(hours=2)
    assert "Nobody read one before they ended." in page(author, f"{path}runs/{run.number}/taken")
    listed = author.get(f"{path}runs/{run.number}/?format=csv").content.decode().splitlines()
    assert len(listed) == 6
    assert "Flu shots" in page(author, f"{LIST}?q=flu")
    assert "Flu shots" not in page(author, f"{LIST}?q=nothing")


def test_a_draft_keeps_its_files_while_it_is_saved_again_and_again(desk: Desk, author) -> None:
    pdf = b"%PDF-1.7\n1 0 obj <<>> endobj\nstartxref\n0\n%%EOF\n"
    up = author.post("/console/attachments/", {"file": SimpleUploadedFile("plan.pdf", pdf)}).json()["id"]
    path = author.post(f"{LIST}new", form(attachments=up))["Location"]
    shown = page(author, f"{path}edit")
    assert f'name="attachments" value="{up}"' in shown
    assert "plan.pdf" in shown
    assert "With it: plan.pdf" in page(author, path)
    for revision in ("1", "2"):
        saved = author.post(f"{path}save", form(attachments=up, revision=revision, body=f"Come in {revision}."))
        assert saved.json()["revision"] == int(revision) + 1
    with desk.cast.inside():
        assert [one["id"] for one in campaigntext.files(newest(desk), clock.now())] == [up]
    assert author.post(f"{path}save", form(revision="3")).status_code == 200
    assert "plan.pdf" not in page(author, f"{path}edit")


def test_a_draft_by_template_keeps_it_and_its_own_answers(desk: Desk, author) -> None:
    text = wording.Wording({"en": wording.Text("Visit", "Come on Tuesday.", ("Yes", "No"))})
    with desk.cast.inside():
        made = template.create(actor=desk.cast.author, now=clock.now(), name="Visits", text=text)
    path = author.post(f"{LIST}new", form(body="", template=str(made)))["Location"]
    assert f'value="{made}" selected' in page(author, f"{path}edit")
    assert "Visits</a>, as it was" in page(author, path)
    simulated = author.post(f"{path}simulate").content.decode()
    assert "Come on Tuesday." in simulated
    assert "<bdi>“Yes”</bdi>, <bdi>“No”</bdi>" in simulated
    changed = form(body="", template=str(made), answers="At noon\r\n", revision="1")
    assert author.post(f"{path}edit", changed).status_code == 302
    assert "<bdi>“At noon”</bdi>" in page(author, path)
    both = author.post(f"{path}edit", form(template=str(made), revision="2"))
    assert both.status_code == 422
    assert "not both" in both.content.decode()
    assert "Come in." in both.content.decode()
    many = author.post(f"{path}edit", form(answers="a\nb\nc\nd\ne", revision="2"))
    assert "at most four answers" in many.content.decode()


def test_undo_takes_it_back_unsent(desk: Desk, author) -> None:
    made = desk.write()
    author.post(f"{LIST}{made}/start", {"verb": "send"})
    assert author.post(f"{LIST}{made}/cancel").status_code == 302
    desk.at.advance(minutes=1)
    desk.work()
    assert desk.state(made) == "cancelled"
    assert desk.messages(made) == []


def test_a_draft_is_saved_while_it_is_written_and_never_over_a_colleagues(desk: Desk, author) -> None:
    made = desk.write()
    with desk.cast.inside():
        revision = Campaign.objects.get(id=made).revision
    saved = author.post(f"{LIST}{made}/save", form(name="Newer", revision=str(revision)))
    assert saved.json()["revision"] == revision + 1
    late = author.post(f"{LIST}{made}/save", form(name="Older", revision=str(revision)))
    assert (late.status_code, late.json()["code"]) == (409, "campaign_changed")
    whole = author.post(f"{LIST}{made}/edit", form(name="Older", body="My words", revision=str(revision)))
    assert whole.status_code == 409
    assert "My words" in whole.content.decode()
    assert "Somebody else saved" in whole.content.decode()
    assert "Newer" in page(author, f"{LIST}{made}/")


def test_what_is_wrong_stands_beside_its_field(desk: Desk, author) -> None:
    for given, words in (
        (form(name=""), "1 to 120 characters"), (form(body="\x07"), "control character"),
        (form(time="at", at="2020-01-01T09:00"), "past"), (form(time="at", at=""), "on which day"),
        (form(time="local", at="2030-02-30T09:00"), "time"),
        (form(time="at", at=f"{desk.at.at + timedelta(days=9):%Y-%m-%dT%H:%M}", repeat_own="FREQ=SOMETIMES"), "repeat"),
    ):  # fmt: skip
        answer = author.post(f"{LIST}new", given)
        assert answer.status_code == 422, given
        assert "field-error" in answer.content.decode() or "note bad" in answer.content.decode(), given
        assert words.lower() in answer.content.decode().lower(), given


def test_an_audience_of_nobody_is_told_and_nothing_starts(desk: Desk, author) -> None:
    made = desk.write(filter={"created_before": "2001-01-01T00:00:00Z"})
    answer = author.post(f"{LIST}{made}/start", {"verb": "send"})
    assert answer.status_code == 422
    assert "Nobody would get this." in answer.content.decode()
    assert desk.state(made) == "draft"


def test_the_words_of_a_colleagues_campaign_are_read_by_asking(desk: Desk, author) -> None:
    made = desk.send(body="Only for those who ask")
    owner = browser.staff(desk.cast, "owner")
    assert "Only for those who ask" in page(author, f"{LIST}{made}/")
    assert "Only for those who ask" not in page(owner, f"{LIST}{made}/")
    assert "Only for those who ask" in owner.post(f"{LIST}{made}/read").content.decode()
    officer = browser.staff(desk.cast, "officer")
    assert "Only for those who ask" not in page(officer, f"{LIST}{made}/")
    assert officer.post(f"{LIST}{made}/read").status_code == 403


def test_what_is_coming_stands_on_its_day(desk: Desk, author) -> None:
    soon = (desk.at.at + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
    path = author.post(f"{LIST}new", form(name="Weekly", time="at", at=f"{soon:%Y-%m-%dT%H:%M}", repeat="FREQ=DAILY"))[
        "Location"
    ]
    assert author.post(f"{path}start", {"verb": "schedule"}).status_code == 302
    shown = page(author, f"{LIST}coming?month={soon:%Y-%m}")
    assert "Weekly" in shown
    assert "data-repeats" in shown or soon.day > 28
    assert "every day at 09:00" in page(author, path)
    assert page(author, f"{LIST}coming?month=nonsense")
