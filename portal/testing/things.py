"""One of each thing that a route can name, of one business, by the name of the route's parameter: a mark in each of its names."""

import secrets
from uuid import UUID

from archive.flows import asked, case, certificate, disposal, export, hold, keeper, mirror, rule, supervision, viewing
from archive.flows.rulecheck import Wanted
from archive.ledger import note
from archive.models import Bucket, Certificate
from messaging.flows import attachment, audience, campaign, delivery, importing, message, template, webhook
from messaging.models import Conversation
from messaging.rules import wording
from portal.accounts.flows import factor, key, staff
from portal.accounts.models import Factor
from portal.kernel import actors, clock, webauthn
from portal.testing.cast import Cast

Things = dict[str, object]


def one_of_each(cast: Cast, mark: str) -> Things:
    """`mark`, "out" after it, is what the business wrote; "in" after it, what its customer did. `phone` is the handset."""
    customer = cast.customer(name=f"{mark}name", reference=f"{mark}reference", email=f"{mark}@example.org")
    phone = cast.handset(customer)
    pdf = b"%PDF-1.7\n" + f"{mark}outfile".encode() + b"\nstartxref\n0\n%%EOF\n"
    with cast.inside():
        file = attachment.upload(actor=cast.author, now=clock.now(), name=f"{mark}outname.pdf", data=pdf)
    sent = cast.send(
        customer, body=f"{mark}out", subject=f"{mark}outsubject", gone_after=3600, attachments=(file.id,)
    )  # fmt: skip
    with cast.inside():
        message.receive(actor=cast.actor_of(phone, customer), now=clock.now(), customer_id=customer, text=f"{mark}in")
        talk = Conversation.objects.get(customer_id=customer)
        raw = f"reference,name\n{mark}imported,{mark}imported\n".encode()
        job = importing.upload(actor=cast.owner, now=clock.now(), name=f"{mark}file", raw=raw)
        named = audience.create(actor=cast.owner, now=clock.now(), name=f"{mark}audience", wanted={})
        made = key.create(actor=cast.owner, now=clock.now(), name=f"{mark}key", scopes=["message.view"])
        text = wording.Wording({"en": wording.Text("", f"{mark}template")})
        written = template.create(
            actor=cast.author, now=clock.now(), name=f"{mark}template", text=text, is_quick_answer=True
        )
        wanted = campaign.Wanted(name=f"{mark}campaign", audience=named, body=f"{mark}text", subject=f"{mark}about")
        hook = webhook.create(
            actor=cast.owner, now=clock.now(), url=f"https://example.org/{mark}hook", events=["message.received"]
        )
        told = delivery.probe(actor=cast.owner, now=clock.now(), webhook_id=hook.id)
        drafted = campaign.create(actor=cast.author, now=clock.now(), wanted=wanted)
    people = {
        "customer_id": customer, "message_id": sent.id, "device_id": phone.device, "conversation_id": talk.id,
        "key_id": made.id, "audience_id": named, "import_id": job, "template_id": written, "file_id": file.id,
        "campaign_id": drafted.id, "factor_id": _passkey(cast, mark), "session_id": "0" * 32,
        "webhook_id": hook.id, "delivery_id": told,
        "staff_id": cast.officer.id, "uuid": cast.officer.id, "index": sent.index, "phone": phone,
    }  # fmt: skip
    return {**people, **_of_review(cast, mark, people), **_of_keeping(cast, mark, people)}


def _passkey(cast: Cast, mark: str) -> UUID:
    """Of a member of staff of its own: nobody else of the cast signs in with a second factor."""
    with cast.inside():
        email = f"{mark}{secrets.token_hex(4)}@example.org"
        person = staff.add(
            actor=cast.owner,
            now=clock.now(),
            email=email,
            name=f"{mark}person",
            role="reviewer",
            password=cast.password,
        )
        made = webauthn.Passkey(secrets.token_bytes(16), b"nobody's", 0)
        factor.add_passkey(actor=actors.staff(person, "reviewer"), now=clock.now(), passkey=made, name=f"{mark}passkey")
        return Factor.objects.get(user_id=person, kind="passkey").id


def _of_review(cast: Cast, mark: str, people: Things) -> Things:
    now, query = clock.now(), f"customer:{people['customer_id']}"
    with cast.inside():
        wanted = viewing.ask(actor=cast.author, now=now, message_id=people["message_id"], reason=mark)
        supervised = supervision.write(actor=cast.officer, now=now, name=mark, share=1).id
        return {
            "search_id": asked.ask(actor=cast.officer, now=now, query=f"category:{mark}"), "of": "messages",
            "view_id": asked.keep_view(actor=cast.owner, now=now, of="messages", name=f"{mark}view", query=f"q={mark}"),
            "viewing_id": wanted, "approval_id": wanted, "supervision_id": supervised,
            "case_id": case.open_with(actor=cast.officer, now=now, name=mark, query=query), "number": 1,
        }  # fmt: skip


def _of_keeping(cast: Cast, mark: str, people: Things) -> Things:
    now, query, officer = clock.now(), f"customer:{people['customer_id']}", cast.officer
    vkey = note.generate(f"ebb.mirror/{mark}").verifier.encode()
    with cast.inside():
        asked_for = export.ask(actor=officer, now=now, selection=export.Selection(first=0, last=0), reason=mark)
        return {
            "export_id": asked_for,
            "mirror_id": mirror.add(actor=officer, now=now, name=mark, vkey=vkey),
            "rule_id": rule.create(actor=officer, now=now, wanted=Wanted(name=mark, keep_for="P9Y")).id,
            "keeper_id": keeper.add(actor=officer, now=now, to=f"{mark}@example.test"),
            "hold_id": hold.place(actor=officer, now=now, name=mark, reason=mark, query=query).id,
            "run_id": disposal.begin(actor=officer, now=now).id,
            "certificate_id": _certificate(mark),
        }  # fmt: skip


def _certificate(mark: str) -> UUID:
    """Of a bucket that never was: nothing of a business that is minutes old has come to its end."""
    month = "2020-01"
    Bucket.objects.create(
        month=month, state=Bucket.State.DESTROYED, decided_index=0, destroyed_index=0, rules={f"{mark}rule": 1}
    )
    certificate.issue(month=month, now=clock.now())
    return Certificate.objects.get(month=month).id
