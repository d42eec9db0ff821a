"""How far a business is that somebody starts from the installation's own page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.core import signing
from django.db import connection

from portal.kernel import tenancy
from portal.kernel.errors import Kind, Refusal
from tenants.models import Business, Signup

LASTS = timedelta(days=1)
SALT = "tenants.signup"


@dataclass(frozen=True, slots=True)
class Birth:
    """`made` of `total` tables are there; `is_built`: everything but its people and the archive's keys."""

    place: tenancy.Place
    state: str
    made: int
    total: int
    is_built: bool

    @property
    def is_served(self) -> bool:
        return self.state != Business.State.PROVISIONING

    @property
    def percent(self) -> int:
        return 100 if self.is_built else min(99, self.made * 100 // self.total)


def token_of(signup_id: UUID) -> str:
    """What stands in the link: the row's id, signed. The row says how long it opens."""
    return signing.Signer(salt=SALT).sign(signup_id.hex)


def read(token: str, now: datetime) -> UUID:
    try:
        return get(UUID(signing.Signer(salt=SALT).unsign(token)), now).id
    except signing.BadSignature:
        raise _over() from None


def get(signup_id: UUID, now: datetime) -> Signup:
    """Raises `link_over` for one that is too old or was never there."""
    row = Signup.objects.filter(id=signup_id, asked_at__gt=now - LASTS).first()
    if row is None:
        raise _over()
    return row


def birth_of(signup: Signup) -> Birth | None:
    """None while it has no name."""
    business = Business.objects.filter(id=signup.business_id).first()
    if business is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM information_schema.tables WHERE table_schema = %s", [business.schema_name])
        made = int(cursor.fetchone()[0])
    return Birth(business.place, business.state, made, _tables(), is_built=business.fingerprint != "")


def _tables() -> int:
    """Of a business, with the one in which Django notes what was made."""
    own = {apps.get_app_config(name.rpartition(".")[2]).label for name in settings.TENANT_APPS}
    models = apps.get_models(include_auto_created=True)
    return 1 + sum(one._meta.app_label in own and one._meta.managed for one in models)  # noqa: SLF001 - Django's documented way


def _over() -> Refusal:
    return Refusal("link_over", "This link is over. Ask for a new one.", Kind.GONE)
