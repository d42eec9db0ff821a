"""The archive's part of a restore, in one business: what only meant something to the processes of before."""

from datetime import datetime

from archive.flows import batch, restore
from archive.models import Unlock
from portal.kernel import tenancy


def clean(context: restore.Context, now: datetime) -> None:
    """Halves of keys go with the sessions they belonged to; no batch key of before is in memory."""
    Unlock.objects.all().delete()
    batch.forget(tenancy.here().id)
