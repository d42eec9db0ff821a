"""The archive at a glance, for pages. Counts and times only; looking at them is no reading."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Subquery

from archive.models import Checkpoint, Entry, Epoch


@dataclass(frozen=True, slots=True)
class Summary:
    """`signed` of the `size` entries are in the newest checkpoint, under the name `origin`; `epoch` is the newest there is."""

    size: int = 0
    last_at: datetime | None = None
    signed: int = 0
    signed_at: datetime | None = None
    origin: str = ""
    epoch: int | None = None


def get_summary() -> Summary:
    """In one statement: most pages of the archive ask."""
    newest, epochs = Checkpoint.objects.order_by("-epoch", "-size"), Epoch.objects.order_by("-number")
    of_newest = epochs.filter(number=Subquery(newest.values("epoch")[:1]))
    columns = (newest.values("size"), newest.values("signed_at"), of_newest.values("origin"), epochs.values("number"))
    rows = Entry.objects.order_by("-index").values_list("index", "time", *(Subquery(one[:1]) for one in columns))
    found = rows.first()
    if found is None:
        return Summary()
    index, last_at, signed, signed_at, origin, epoch = found
    return Summary(index + 1, last_at, signed or 0, signed_at, origin or "", epoch)
