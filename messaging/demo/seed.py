"""The demo's two businesses, made through the same flows that everyone uses, with a clock that starts three weeks ago."""

import json
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from messaging.demo import campaigns, handset, holds, letters, rules, texts
from messaging.flows import consent, customer, enrolment, expiry, message, opening
from messaging.models import Customer
from messaging.rules.compose import Compose
from portal.accounts import demo as demo_links
from portal.accounts.flows import key
from portal.kernel import actors, clock, ids, roles, tenancy
from tenants.queries import businesses

Say = Callable[[str], None]
WEEKS = timedelta(days=21)
LINKS = 10
PEOPLE = (
    ("owner", "Olga Owner"), ("admin", "Ada Admin"), ("author", "Anton Author"), ("approver", "Abel Approver"),
    ("officer", "Ophelia Officer"), ("reviewer", "Rita Reviewer"), ("auditor", "Aude Auditor"), ("support", "Sven Support"),
)  # fmt: skip


def seed(*, data: Path, url: str, customers: int, say: Say) -> None:
    """Make what is missing, then write `demo.json` with fresh links."""
    known = _known(data)
    written = []
    for slug, words in texts.WORDS.items():
        place = businesses.get_ready_by_slug(slug)
        if place is None:
            say(f"Making {words['name']} …")
            place, secret = _make(slug, words, data, customers, say)
        else:
            secret = known[slug]
        written.append(_with_links(place, slug, words, secret, url))
    _write(data / "demo.json", {"url": url, "businesses": written})


def _known(data: Path) -> dict[str, dict[str, object]]:
    file = data / "demo.json"
    if not file.exists():
        return {}
    return {one["slug"]: one for one in json.loads(file.read_text(encoding="utf-8"))["businesses"]}


def _make(slug: str, words: dict, data: Path, count: int, say: Say) -> tuple[tenancy.Place, dict[str, object]]:  # type: ignore[type-arg]
    then = clock.Fake(datetime.now(UTC) - WEEKS)
    staff = [
        {"role": role, "email": f"{role}@{slug}.example", "name": name, "password": secrets.token_urlsafe(12)}
        for role, name in PEOPLE
    ]
    passphrase = f"{slug}-tide-harbour-{secrets.token_hex(3)}"
    with clock.use(then):
        people = [opening.Person(one["email"], one["name"], one["role"], one["password"]) for one in staff]
        opened = opening.begin(now=clock.now(), slug=slug, name=words["name"], people=people, passphrase=passphrase)
        file = data / f"{slug}-recovery.key"
        _write_text(file, opened.recovery_text)
        opening.finish(now=clock.now(), place=opened.place, recovery_text=file.read_text(encoding="utf-8"))
        with tenancy.tenant_scope(opened.place):
            api = key.create(actor=actors.SYSTEM, now=clock.now(), name="Demo", scopes=sorted(roles.SCOPES))
            author = actors.staff(opened.staff[f"author@{slug}.example"], "author")
            officer = actors.staff(opened.staff[f"officer@{slug}.example"], "officer")
            rules.seed(officer, slug)
            _past(then, author, slug, words, count, say)
            campaigns.seed_present(author, slug, then, datetime.now(UTC))
    with tenancy.tenant_scope(opened.place):
        letters.seed(author, slug)
        _present(author, words)
        holds.seed(officer, slug, LINKS)
    return opened.place, {
        "staff": staff, "api_key": api.secret, "archive_passphrase": passphrase, "recovery_key_file": str(file),
    }  # fmt: skip


def _past(then: clock.Fake, author: actors.Actor, slug: str, words: dict, count: int, say: Say) -> None:  # type: ignore[type-arg]
    """Customers, three phones, and weeks of messages that were read, ended or never seen."""
    made = []
    for n, person in enumerate(texts.people(slug, count)):
        given = (consent.Given("service", "inbox", "paper form"),)
        details = customer.Details(
            reference=person["reference"], name=person["name"], email=person["email"], consent=given,
            time_zone=campaigns.ZONES[n % 3],
        )  # fmt: skip
        made.append(customer.create(actor=author, now=clock.now(), details=details))
        if n % 500 == 499:
            say(f"  {n + 1} of {count} customers")
    phones = [handset.enrol(actors.SYSTEM, clock.now(), pk) for pk in made[10:13]]
    for day, (subject, text) in enumerate(words["past"] * 3):
        then.advance(days=1, hours=day % 3)
        for number, pk in enumerate(made[10:16]):
            asked = Compose(body=text, customer=pk, subject=subject, gone_after=2 * 86400)
            sent = message.send(actor=author, now=clock.now(), asked=asked)
            if number < len(phones) and day % 4:
                handset.read(phones[number], clock.now() + timedelta(minutes=7), sent.id)
        expiry.destroy_over(now=clock.now())
        expiry.purge(now=clock.now())
        if day == 2:
            campaigns.seed_past(author, slug)
    then.advance(hours=1)


def _present(author: actors.Actor, words: dict) -> None:  # type: ignore[type-arg]
    """What lives now and what is coming: for the ten customers whose links stand in demo.json."""
    now = clock.now()
    chosen = list(Customer.objects.order_by("id").values_list("id", flat=True)[:LINKS])
    for pk in chosen:
        for subject, text, taps in words["live"]:
            asked = Compose(body=text, customer=pk, subject=subject, gone_after=3 * 86400, tap_to_reveal=taps)
            message.send(actor=author, now=now, asked=asked)
    subject, text = words["coming"]
    for pk in chosen[:3]:
        send_at = now + timedelta(hours=20)
        message.send(actor=author, now=now, asked=Compose(body=text, customer=pk, subject=subject, send_at=send_at))
    writer = actors.device(ids.uuid7(), frozenset({chosen[1]}))
    message.receive(actor=writer, now=now, customer_id=chosen[1], text=words["reply"])


def _with_links(
    place: tenancy.Place, slug: str, words: dict, secret: dict[str, object], url: str  # type: ignore[type-arg]
) -> dict[str, object]:  # fmt: skip
    home = url.replace("://", f"://{slug}.", 1)
    with tenancy.tenant_scope(place):
        staff = [
            {
                **{name: one[name] for name in ("role", "email", "name", "password")},
                "link": home + demo_links.path(one["email"]),
            }
            for one in secret["staff"]  # type: ignore[attr-defined]
        ]
        chosen = Customer.objects.exclude(state="erased").order_by("id")[:LINKS]
        links = [_link(row.id) for row in chosen]
    return {
        "slug": slug, "name": words["name"], "url": home, "api_key": secret["api_key"],
        "archive_passphrase": secret["archive_passphrase"], "recovery_key_file": secret["recovery_key_file"],
        "staff": staff, "customers": links,
    }  # fmt: skip


def _link(customer_id: UUID) -> dict[str, str]:
    from messaging.queries import profiles

    row = Customer.objects.get(id=customer_id)
    issued = enrolment.issue(actor=actors.SYSTEM, now=clock.now(), customer_id=customer_id, send_by="show")
    person = profiles.open_(row.id, row.sealed_profile)
    return {
        "id": str(customer_id), "reference": person.reference, "name": person.name, "enrolment_url": str(issued.url),
    }  # fmt: skip


def _write(file: Path, content: dict[str, object]) -> None:
    _write_text(file, json.dumps(content, indent=2))


def _write_text(file: Path, text: str) -> None:
    """0600 from its first byte."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
