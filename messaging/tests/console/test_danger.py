"""The danger zone: each act behind the business's name and a fresh proof, and what it does."""

from datetime import timedelta

import pytest

from archive.flows import approval, drawing, export
from archive.models import Approval, Entry, Export
from messaging import jobs
from messaging.models import Device, Wipe
from portal.accounts.models import ApiKey, Session
from portal.kernel import clock
from portal.testing import browser
from tenants.models import Closing
from tenants.queries import closings

PAGE = "/console/settings/danger/"


@pytest.fixture(scope="module")
def house_of(house):
    from portal.testing.cast import build

    return build("danger-house", "Danger & Sons")


def message(client) -> str:
    return client.get(PAGE).content.decode()


def test_everybody_else_is_signed_out_and_keys_go(fresh):
    cast = fresh()
    owner, author = browser.staff(cast, "owner"), browser.staff(cast, "author")
    assert owner.post(PAGE + "sign-out", {"sign_out_name": "Fresh"}).status_code == 422
    assert author.get("/console/").status_code == 200
    assert owner.post(PAGE + "sign-out", {"sign_out_name": cast.place.name}).status_code == 302
    assert author.get("/console/").status_code == 302
    assert owner.get("/console/").status_code == 200
    assert browser.program(cast).get("/api/v1/customers").status_code == 200
    assert owner.post(PAGE + "revoke", {"keys_name": cast.place.name}).status_code == 302
    with cast.inside():
        assert Session.objects.count() == 1
        assert not ApiKey.objects.filter(revoked_at__isnull=True).exists()
        kinds = list(Entry.objects.values_list("kind", flat=True))
    assert (kinds.count("staff.sessions_ended"), kinds.count("key.revoked")) == (1, 1)


def test_an_old_proof_and_another_role_do_nothing(house_of):
    cast = house_of
    for act in ("close", "wipe", "sign-out", "revoke", "call-off"):
        assert browser.staff(cast, "author").post(PAGE + act, {}).status_code == 404
    for act in ("close", "wipe", "sign-out", "revoke"):
        assert browser.staff(cast, "officer").post(PAGE + act, {}).status_code == 404
    owner = browser.staff(cast, "owner")
    with cast.inside():
        stored = owner.session
        stored["proved_at"] = int((clock.now() - timedelta(hours=1)).timestamp())
        stored.save()
    answer = owner.post(PAGE + "close", {"name": cast.place.name, "reason": "done"})
    assert (answer.status_code, "/console/confirm/" in answer["Location"]) == (302, True)
    with cast.inside():
        assert not Approval.objects.exists()


def test_all_devices_are_wiped_once_a_second_person_agrees(fresh):
    cast = fresh()
    phones = [cast.handset(cast.customer()) for _ in range(3)]
    owner = browser.staff(cast, "owner")
    assert "Type the name exactly" in owner.post(PAGE + "wipe", {"wipe_reason": "x"}).content.decode()
    assert "Say why" in owner.post(PAGE + "wipe", {"wipe_name": cast.place.name}).content.decode()
    answer = owner.post(PAGE + "wipe", {"wipe_name": cast.place.name, "wipe_reason": "stolen list"})
    assert answer.status_code == 302
    with cast.inside():
        asked = Approval.objects.get(kind="device.wipe_all")
        assert (asked.state, Wipe.objects.count()) == ("cooling", 0), "one owner alone waits three days"
        Approval.objects.filter(id=asked.id).update(acts_at=clock.now())
        approval.sweep(now=clock.now())
        assert Approval.objects.get(id=asked.id).state == "done"
        jobs.wipe_all(cast.place.id)
        jobs.wipe_all(cast.place.id)
        assert Wipe.objects.filter(state="requested").count() == len(phones)
        assert set(Device.objects.values_list("state", flat=True)) == {"wiping"}


def test_the_page_leads_through_a_closing(fresh, tmp_path, settings):
    settings.EBB_EXPORTS = str(tmp_path)
    cast = fresh()
    owner, officer = browser.staff(cast, "owner"), browser.staff(cast, "officer")
    assert "An owner asks for it" in message(officer)
    assert "Type the name exactly" in owner.post(PAGE + "close", {"name": "x", "reason": "y"}).content.decode()
    assert owner.post(PAGE + "close", {"name": cast.place.name, "reason": "We retire"}).status_code == 302
    assert "Asked for already" in message(owner)
    with cast.inside():
        asked = Approval.objects.get(kind="business.close")
    assert "Close Fresh Business 14 days from now" in officer.get("/console/archive/approvals/").content.decode()
    assert officer.post(f"/console/archive/approvals/{asked.id}/approve").status_code == 302
    assert "it can be called off" in message(owner)
    link = message(owner).split('id="closing-link">')[1].split("<")[0]
    assert "/closed/" in link
    assert "closing-link" not in message(officer), "the link is the owner's"
    assert officer.post(PAGE + "call-off").status_code == 302
    assert closings.standing_of(cast.place.id) is None
    with cast.inside():
        Approval.objects.filter(id=asked.id).delete()
    owner.post(PAGE + "close", {"name": cast.place.name, "reason": "After all"})
    with cast.inside():
        approval.approve(
            actor=cast.officer, now=clock.now(), approval_id=Approval.objects.get(kind="business.close").id
        )
        head = {"size": Entry.objects.count()}
    Closing.objects.filter(business_id=cast.place.id).update(state="proving", codes={"head": head})
    assert "until it was proved" in message(owner)
    assert "An officer does this" in message(owner)
    assert "has that SHA-256" in officer.post(PAGE + "prove", {"sha256": "0" * 64}).content.decode()
    with cast.inside():
        drawn = export.ask(actor=cast.officer, now=clock.now(), selection=export.Selection(), reason="the end")
        drawing.build(export_id=drawn)
        digest = Export.objects.get(id=drawn).sha256
    assert "Run the bundle" in officer.post(PAGE + "prove", {"sha256": digest}).content.decode()
    assert officer.post(PAGE + "prove", {"sha256": digest, "verified": "yes"}).status_code == 302
    assert closings.standing_of(cast.place.id).codes["proof"]["sha256"] == digest
    Closing.objects.filter(business_id=cast.place.id).delete()
