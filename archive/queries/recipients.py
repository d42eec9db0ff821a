"""The archive's recipients: to whom every batch key is sealed."""

from django.db.models import QuerySet

from archive.models import Recipient


def publics() -> dict[str, bytes]:
    """Key id → public key of the live recipients; empty until the recovery key was given back once (birth)."""
    return _publics(Recipient.objects.filter(retired_at=None))


def locked_publics() -> dict[str, bytes]:
    """The same in the caller's transaction, which a rotation then waits for."""
    return _publics(Recipient.objects.select_for_update().filter(retired_at=None).order_by("id"))


def _publics(rows: "QuerySet[Recipient]") -> dict[str, bytes]:
    live = list(rows.values_list("id", "kind", "public", "proved_at"))
    proved = any(kind == Recipient.Kind.RECOVERY and at for _, kind, _, at in live)
    return {str(key_id): bytes(public) for key_id, _, public, _ in live} if proved else {}


def officers() -> Recipient | None:
    """The officers' key in force."""
    return Recipient.objects.filter(kind=Recipient.Kind.OFFICERS, retired_at=None).first()


def recovery() -> Recipient | None:
    """The recovery key in force."""
    return Recipient.objects.filter(kind=Recipient.Kind.RECOVERY, retired_at=None).first()
