"""Reading staff: names for ids, as every page that says who did something needs them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import CharField, Q, QuerySet, Value

from portal.accounts.models import ApiKey, User
from portal.kernel import ids, roles
from portal.kernel.actors import Actor

Whose = tuple[str, UUID | None]  # the kind of an actor, and which one


def get_list_for(actor: Actor) -> list[User]:
    actor.require("settings.view")
    return list(User.objects.order_by("-is_active", "name"))


def get_id_by_email(email: str) -> UUID | None:
    return User.objects.filter(email=email.strip().lower()).values_list("id", flat=True).first()


def news_seen_at(actor: Actor) -> datetime | None:
    """Up to when they have seen their list of notifications."""
    return User.objects.filter(id=actor.id).values_list("news_seen_at", flat=True).first()


def get_assignable() -> list[User]:
    """Who can take a conversation."""
    return [
        user for user in User.objects.filter(is_active=True).order_by("name") if user.actor.may("conversation.manage")
    ]


def officers(actor: Actor) -> dict[str, QuerySet[Any]]:
    """To be counted by an owner: who opens the archive, or is invited to."""
    if not actor.may("business.govern"):
        return {}
    allowed = [role for role, may in roles.MATRIX.items() if "archive.open" in may]
    there = Q(is_active=True) | Q(invited_at__isnull=False)
    return {"officers": User.objects.filter(there, role__in=allowed)}


def get_names(labels: Iterable[str], known: Iterable[User] = ()) -> dict[str, str]:
    """What a person reads instead of an actor's label (`staff:…`, `key:…`); unknown ones keep their kind. Whom the caller has
    read already (`known`) is not asked for again."""
    wanted = {label: _parse(label) for label in set(labels)}
    names: dict[Whose, str] = {("staff", one.id): one.name for one in known}
    left = [one for one in wanted.values() if one not in names and one[1]]
    names |= _known({pk for kind, pk in left if kind == "staff"}, {pk for kind, pk in left if kind == "key"})
    return {label: names.get(one) or one[0].capitalize() for label, one in wanted.items()}


def get_everybody() -> dict[str, str]:
    """Label → name of all staff and keys, those who left too: what they did stays."""
    everybody = _named(User.objects.all(), ApiKey.objects.all())
    return {f"{kind}:{pk}": name for (kind, pk), name in everybody.items()}


def _parse(label: str) -> Whose:
    kind, _, raw = label.partition(":")
    return kind, ids.parse_uuid(raw) if raw else None


def _known(people: set[UUID | None], programs: set[UUID | None]) -> dict[Whose, str]:
    """Asks only the tables that can know one of them."""
    if not people and not programs:
        return {}
    return _named(User.objects.filter(id__in=people), ApiKey.objects.filter(id__in=programs))


def _named(people: QuerySet[User], programs: QuerySet[ApiKey]) -> dict[Whose, str]:
    """In one statement."""
    rows = _rows("staff", people).union(_rows("key", programs), all=True)
    return {(kind, pk): f"API key {name}" if kind == "key" else name for kind, pk, name in rows}


def _rows(kind: str, rows: "QuerySet[Any]") -> "QuerySet[Any, tuple[str, UUID, str]]":
    return rows.order_by().annotate(kind=Value(kind, output_field=CharField())).values_list("kind", "id", "name")
