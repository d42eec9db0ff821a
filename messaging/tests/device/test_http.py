"""The same acts over HTTP: each with a proof of its own, each proof once."""

import json

from messaging.tests.device.phone import Phone
from portal.kernel import clock


def test_a_proof_opens_the_state_once(cast) -> None:
    customer = cast.customer(name="Ada")
    phone = cast.phone(customer)
    sent = cast.send(customer, "Hello Ada")
    nonce = phone.nonce()
    headers = {"Ebb-Proof": phone.proof(nonce, "GET", "/inbox/state")}
    answer = phone.client.get("/inbox/state", headers=headers)
    told = answer.json()
    assert answer["Cache-Control"] == "no-store"
    assert told["customers"] == [{"id": str(customer), "name": "Ada", "language": "en"}]
    assert [(m["id"], m["body"], m["state"]) for m in told["messages"]] == [(str(sent), "Hello Ada", "sent")]
    again = phone.client.get("/inbox/state", headers=headers)
    assert (again.status_code, again.json()["code"]) == (401, "not_proved")


def test_markdown_comes_as_it_was_written_and_as_it_is_shown(cast) -> None:
    customer = cast.customer()
    phone = cast.phone(customer)
    cast.send(customer, "**Now**: [map](https://m.example) <b>", format="markdown")
    cast.send(customer, "**plain** stays", gone_after=3600)
    cast.send(customer, "*hidden*", format="markdown", tap_to_reveal=True, gone_after=3600)
    told = {m["body"]: m["html"] for m in phone.ask("GET", "/inbox/state").json()["messages"]}
    assert told.pop("**plain** stays") is None
    assert told.pop(None) is None
    [(body, html)] = told.items()
    assert body == "**Now**: [map](https://m.example) <b>"
    assert "<strong>Now</strong>" in html
    assert "<b>" not in html


def test_a_proof_is_for_one_method_path_and_body(cast) -> None:
    phone = cast.phone()
    for method, path, body in (
        ("POST", "/inbox/state", b""),
        ("GET", "/inbox/state?x=1", b""),
        ("GET", "/inbox/state", b"x"),
    ):
        headers = {"Ebb-Proof": phone.proof(phone.nonce(), method, path, body)}
        assert phone.client.get("/inbox/state", headers=headers).status_code == 401


def test_a_stolen_cookie_and_anothers_nonce_open_nothing(cast) -> None:
    phone, thief = cast.phone(), Phone()
    thief.client.cookies, thief.id = phone.client.cookies, phone.id
    assert thief.ask("GET", "/inbox/state").status_code == 401
    other = cast.phone()
    headers = {"Ebb-Proof": phone.proof(other.nonce(), "GET", "/inbox/state")}
    assert phone.client.get("/inbox/state", headers=headers).status_code == 401
    assert Phone().client.get("/inbox/nonce").status_code == 401


def test_an_old_nonce_is_over(cast) -> None:
    phone = cast.phone()
    nonce = phone.nonce()
    at = clock.Fake(clock.now())
    at.advance(seconds=61)
    with clock.use(at):
        headers = {"Ebb-Proof": phone.proof(nonce, "GET", "/inbox/state")}
        assert phone.client.get("/inbox/state", headers=headers).status_code == 401


def test_reveal_read_extend_and_write(cast) -> None:
    customer = cast.customer()
    phone = cast.phone(customer)
    sealed = cast.send(customer, "tap me", tap_to_reveal=True, gone_after=3600)
    assert phone.ask("GET", "/inbox/state").json()["messages"][0]["body"] is None
    shown = phone.ask("POST", f"/inbox/messages/{sealed}/reveal").json()["message"]
    assert (shown["body"], shown["state"]) == ("tap me", "revealed")
    assert phone.ask("POST", f"/inbox/messages/{sealed}/read").status_code == 200
    longer = phone.ask("POST", f"/inbox/messages/{sealed}/extend").json()["message"]
    assert longer["gone_at"] > shown["gone_at"]
    assert longer["can_extend"] is False
    assert phone.ask("POST", f"/inbox/messages/{sealed}/extend").status_code == 409
    written = phone.ask("POST", "/inbox/messages", {"for": str(customer), "body": " kept as it is \n"})
    assert written.status_code == 201
    bodies = [m["body"] for m in phone.ask("GET", "/inbox/state").json()["messages"]]
    assert " kept as it is \n" in bodies


def test_a_stranger_finds_nothing(cast) -> None:
    sent = cast.send(cast.customer())
    phone = cast.phone()
    for verb in ("reveal", "read", "extend"):
        answer = phone.ask("POST", f"/inbox/messages/{sent}/{verb}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_state_at_the_end_of_a_message_is_without_it(cast) -> None:
    customer = cast.customer()
    phone = cast.phone(customer)
    at = clock.Fake(clock.now())
    with clock.use(at):
        sent = cast.send(customer, "one minute", gone_after=60)
        assert len(phone.ask("GET", "/inbox/state").json()["messages"]) == 1
        at.advance(seconds=60)
        told = phone.ask("GET", "/inbox/state").json()
        assert told["messages"] == []
        assert [(one["id"], one["reason"]) for one in told["ended"]] == [(str(sent), "expired")]
        assert phone.ask("POST", f"/inbox/messages/{sent}/reveal").status_code == 404


def test_the_list_goes_on_where_it_stopped(cast, monkeypatch) -> None:
    from messaging.queries import inbox

    monkeypatch.setattr(inbox, "PAGE", 2)
    customer = cast.customer()
    phone = cast.phone(customer)
    sent = [str(cast.send(customer, f"n{n}")) for n in range(5)]
    seen, cursor = [], ""
    for _ in range(3):
        told = phone.ask("GET", "/inbox/state" + (f"?cursor={cursor}" if cursor else "")).json()
        seen += [m["id"] for m in told["messages"]]
        cursor = told.get("more", "")
    assert seen == list(reversed(sent))
    assert not cursor
    assert phone.ask("GET", "/inbox/state?cursor=zzz").status_code == 400


def test_signing_out_ends_the_device(cast) -> None:
    phone = cast.phone()
    cookie = phone.cookie
    assert phone.ask("POST", "/inbox/sign-out").status_code == 200
    phone.client.cookies["__Host-ebb-device"] = cookie
    assert json.loads(phone.ask("GET", "/inbox/state").content)["code"] == "device_revoked"


def test_pages_hold_no_content_and_are_not_kept(cast) -> None:
    customer = cast.customer()
    phone = cast.phone(customer)
    cast.send(customer, "never in a page")
    for path in ("/inbox/", "/inbox/kept", "/inbox/recover", "/inbox/manifest.webmanifest", "/inbox/sw.js"):
        answer = phone.client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 200, path
        assert b"never in a page" not in answer.content
        assert answer["Cache-Control"] == "no-store"
