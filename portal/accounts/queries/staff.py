"""Reading staff: names for ids, as every page that says who did something needs them."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from portal.accounts.models import ApiKey, User
from portal.kernel import ids
from portal.kernel.actors import Actor


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


def get_names(labels: Iterable[str]) -> dict[str, str]:
    """What a person reads instead of an actor's label (`staff:…`, `key:…`); unknown ones keep their kind."""
    wanted = {label: _parse(label) for label in set(labels)}
    known = _known({found for kind, found in wanted.values() if kind in {"staff", "key"} and found})
    return {label: known.get(found) or kind.capitalize() for label, (kind, found) in wanted.items()}


def get_everybody() -> dict[str, str]:
    """Label → name of all staff and keys, those who left too: what they did stays."""
    people = {f"staff:{pk}": name for pk, name in User.objects.values_list("id", "name")}
    return people | {f"key:{pk}": f"API key {name}" for pk, name in ApiKey.objects.values_list("id", "name")}


def _parse(label: str) -> tuple[str, UUID | None]:
    kind, _, raw = label.partition(":")
    return kind, ids.parse_uuid(raw) if raw else None


def _known(found: set[UUID]) -> dict[UUID | None, str]:
    if not found:
        return {}
    people = dict(User.objects.filter(id__in=found).values_list("id", "name"))
    programs = {
        key_id: f"API key {name}" for key_id, name in ApiKey.objects.filter(id__in=found).values_list("id", "name")
    }
    return {**programs, **people}
