"""The link of an invitation: signed for this business, this person and this very invitation; nothing is kept of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.core import signing

from portal.accounts.models import User
from portal.kernel import tenancy
from portal.kernel.errors import not_found

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Invitation:
    user_id: UUID
    invited_at: datetime


def token_for(user_id: UUID) -> str:
    invited_at = User.objects.values_list("invited_at", flat=True).get(id=user_id, invited_at__isnull=False)
    assert invited_at is not None
    return signing.dumps([str(user_id), (invited_at - _EPOCH) // timedelta(microseconds=1)], salt=_salt())


def read(token: str) -> Invitation:
    """Whose it is. That it still opens is the flow's to say."""
    try:
        user_id, micros = signing.loads(token, salt=_salt())
    except signing.BadSignature as error:
        raise not_found("page") from error
    return Invitation(UUID(user_id), _EPOCH + timedelta(microseconds=micros))


def _salt() -> str:
    return tenancy.salt("accounts.invitation")
