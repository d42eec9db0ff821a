"""A customer's devices, seen and ended from another one of them."""

from uuid import UUID

import pytest

from messaging.models import Device
from messaging.tests.device.phone import Phone


def listed(phone: Phone) -> dict[str, dict]:
    answer = phone.ask("GET", "/inbox/devices")
    assert answer.status_code == 200
    return {one["id"]: one for one in answer.json()["devices"]}


def test_each_sees_the_others_and_which_one_it_is(cast) -> None:
    who = cast.customer()
    mine, lost, stranger = cast.phone(who), cast.phone(who), cast.phone()
    found = listed(mine)
    assert set(found) == {mine.id, lost.id}
    assert (found[mine.id]["this"], found[lost.id]["this"]) == (True, False)
    assert found[lost.id]["can_end"]
    assert found[lost.id]["customers"] == [str(who)]
    assert stranger.id not in found


@pytest.mark.parametrize(("act", "state"), [("lock", "locked"), ("sign-out", "revoked"), ("wipe", "wiping")])
def test_one_of_them_is_ended_from_another(cast, inside, act, state) -> None:
    who = cast.customer()
    mine, lost = cast.phone(who), cast.phone(who)
    answer = mine.ask("POST", f"/inbox/devices/{lost.id}/{act}")
    assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert lost.ask("GET", "/inbox/state").json()["code"] == f"device_{state}"
    assert listed(mine)[lost.id]["state"] == state
    assert mine.ask("GET", "/inbox/state").status_code == 200


@pytest.mark.parametrize("act", ["lock", "sign-out", "wipe"])
def test_a_device_that_serves_anybody_else_is_out_of_reach(cast, inside, act) -> None:
    """A parent's phone may end the child's own; the child's phone not the parent's, and nobody a stranger's."""
    parent, child = cast.customer(), cast.customer()
    both, own, stranger = cast.phone(parent), cast.phone(child), cast.phone()
    assert both.enrol(cast.invite(child)[0]).status_code == 201
    for target in (both, stranger):
        answer = own.ask("POST", f"/inbox/devices/{target.id}/{act}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert listed(own)[both.id]["can_end"] is False
    assert listed(own)[both.id]["customers"] == [str(child)]
    assert both.ask("POST", f"/inbox/devices/{own.id}/{act}").status_code == 200
    assert inside(Device.objects.get, id=both.id).state == "active"


def test_whoever_holds_a_lost_device_does_not_unlock_it(cast, inside) -> None:
    who = cast.customer()
    mine, lost = cast.phone(who), cast.phone(who)
    mine.ask("POST", f"/inbox/devices/{lost.id}/lock")
    assert lost.ask("POST", f"/inbox/devices/{mine.id}/lock").json()["code"] == "device_locked"
    assert lost.ask("POST", f"/inbox/devices/{lost.id}/unlock").status_code == 404
    assert inside(Device.objects.get, id=UUID(mine.id)).state == "active"
