"""Before it is sent: a message that would end before quiet hours let anybody be told is warned of, by the recipient's own clock."""

from datetime import timedelta

import pytest

from portal.testing import browser

HOUR = 3600


@pytest.fixture
def night(it):
    """It is 21:00 in UTC: night there, morning in Kiritimati (+14)."""
    it.at.at = it.at.at.replace(hour=21, minute=0, second=0, microsecond=0)
    it.at.advance(days=1)
    it.policy(quiet_from=20 * 60, quiet_until=8 * 60)
    return it


def asked(it, **values):
    page = browser.staff(it.cast, "author")
    form = {"body": "x", "send": "now", "gone_after": str(HOUR), **values}
    return page.post("/console/compose/preview", form).json()["warning"]


def test_compose_warns_by_the_recipients_clock(night):
    here, away = night.cast.customer(time_zone="UTC"), night.cast.customer(time_zone="Pacific/Kiritimati")
    assert (
        asked(night, customer=str(here))
        == "It would end before a notice may go out: it is quiet there until 08:00 (UTC)."
    )
    assert asked(night, customer=str(away)) == ""
    assert asked(night, customer=str(here), gone_after=str(12 * HOUR)) == ""
    assert asked(night, customer=str(here), gone_after="custom", gone_after_count="x") == ""
    day = night.at.at.replace(hour=12).strftime("%Y-%m-%dT%H:%M")
    assert asked(night, customer=str(here), send="later", send_at=day) == ""


def test_it_is_said_again_once_it_was_sent(night):
    page = browser.staff(night.cast, "author")
    pk = str(night.cast.customer(time_zone="UTC"))
    sent = page.post(
        "/console/compose/", {"customer": pk, "to": "x", "body": "x", "send": "now", "gone_after": str(HOUR)}
    )
    assert sent.status_code == 302
    assert "It would end before a notice may go out" in page.get(sent["Location"]).content.decode()


def test_a_simulation_counts_who_could_not_be_told(night):
    zones = ("UTC", "UTC", "Europe/London", "Pacific/Kiritimati")
    for zone in zones:
        night.cast.customer(time_zone=zone, language="nl")
    api = browser.program(night.cast)

    def simulated(**given):
        body = {"name": "c", "audience": {"language": "nl"}, "body": "x", "gone_after": HOUR, **given}
        made = api.post("/api/v1/campaigns", body, content_type="application/json")
        assert made.status_code == 201, made.content
        return api.post(f"/api/v1/campaigns/{made.json()['id']}/simulate", {}, content_type="application/json").json()

    found = simulated()
    assert (found["recipients"], found["untold"]) == (4, 3)
    assert simulated(gone_after=24 * HOUR)["untold"] == 0
    local = (night.at.at + timedelta(days=2)).strftime("%Y-%m-%dT22:00")
    assert simulated(send_at_local=local)["untold"] == 4
    night.policy(quiet_from=None, quiet_until=None)
    assert simulated()["untold"] == 0


def test_the_author_of_a_campaign_is_warned_while_writing_and_before_the_start(night):
    night.cast.customer(time_zone="UTC")
    page, warned = browser.staff(night.cast, "author"), "it would end before quiet hours let a notice go out"
    draft = {"name": "c", "audience": "", "body": "x", "format": "text", "time": "now", "gone_after": str(HOUR)}
    at = page.post("/console/campaigns/new", draft)["Location"]
    assert warned in page.get(at).content.decode()
    assert warned in page.get(f"{at}edit").content.decode()
    assert warned in page.post(f"{at}save", {**draft, "revision": "1"}).json()["warning"]
    assert page.post(f"{at}save", {**draft, "revision": "2", "gone_after": str(24 * HOUR)}).json()["warning"] == ""
    assert warned not in page.get(at).content.decode()
    assert "data-warning hidden" in page.get(f"{at}edit").content.decode()
