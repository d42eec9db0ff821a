"""Locked or wiped between its proof and its first state: whatever was told before the socket was subscribed, nobody heard."""

import pytest

from messaging.flows import device, wipe
from messaging.sockets import acts
from messaging.tests.device.phone import aside
from portal.kernel import actors, clock


@pytest.mark.parametrize(
    ("act", "said"),
    [(wipe.request, "wipe"), (device.lock, "lock"), (device.revoke, "")],
    ids=["wipe", "lock", "revoke"],
)
async def test_what_happened_while_it_proved_itself_counts(cast, open_hub, monkeypatch, act, said) -> None:
    customer = await aside(cast.customer)
    phone = await aside(cast.phone, customer)
    await aside(cast.send, customer, "for nobody else")
    real = acts.prove

    def prove_and_lose(*asked):
        standing = real(*asked)
        act(actor=actors.SYSTEM, now=clock.now(), device_id=standing.id)
        return standing

    monkeypatch.setattr(acts, "prove", prove_and_lose)
    wire = await phone.connect()
    heard = [await wire.event()]
    signed = phone.sign("ebb/v1/socket", phone.host, phone.id, heard[0]["nonce"])
    await wire.say(type="prove", signature=signed)
    while "close" not in heard[-1]:
        heard.append(await wire.event())
    assert "for nobody else" not in str(heard)
    assert heard[-1] == {"close": 4403}
    assert not said or any(said == one.get("type") for one in heard)
