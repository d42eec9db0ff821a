"""The months' index keys, for a search by an unlocked officer: the current ones from the keyring, past ones from the
envelopes they were sealed into. A month whose key cannot be had is named: a search that left it out would be wrong."""

from datetime import datetime, timedelta

from archive.flows import indexkey, monthkey, unlock, wordindex
from archive.models import IndexKey, Record
from archive.queries.found import Word
from archive.rules import retention
from archive.rules.query import PHRASE, Query
from portal.kernel import keys, tenancy
from portal.sealing import envelope, errors


def by_month(session: unlock.Session) -> tuple[dict[str, bytes], list[str]]:
    """Month → key, and the months that hold records and have none."""
    ring = keys.business()
    found = {name.removeprefix(monthkey.INDEX): name for name in ring.names(monthkey.INDEX)}
    held = {month: key for month, name in found.items() if (key := _held(name))}
    for month, sealed in IndexKey.objects.filter(envelope__isnull=False).values_list("month", "envelope"):
        if month not in held and (key := _open(month, bytes(sealed), session)):
            held[month] = key
    return held, _without_key(set(held))


def hash_words(query: Query, by_month: dict[str, bytes]) -> list[Word]:
    """What the index is asked for: a word matches under any month's key, a phrase asks for all of its words. A phrase that
    must not occur is left to the check of opened records, since its words alone may."""
    asked = [term for term in query.words if not (term.name == PHRASE and term.negated)]
    return [
        Word({month: wordindex.hash_query(term.value, key=key) for month, key in by_month.items()}, term.negated)
        for term in asked
    ]


def _held(name: str) -> bytes | None:
    """None for one that was sealed away in this very moment: its envelope is committed by then."""
    try:
        return keys.business().get(name)
    except errors.KeyGone:
        return None


def _open(month: str, sealed: bytes, session: unlock.Session) -> bytes | None:
    business = tenancy.here().id
    try:
        key_id, private = session.for_envelope(sealed)
        return envelope.open_(
            sealed, key_id, private, purpose=indexkey.PURPOSE + month, business=business, subject=business
        )
    except errors.SealingError:
        return None


def _without_key(held: set[str]) -> list[str]:
    """Months of which there are records and no key. Only months that have none are looked into."""
    ends = Record.objects.order_by("sent_at", "message_id").values_list("sent_at", flat=True)
    first, last = ends.first(), ends.last()
    if first is None or last is None:
        return []
    months = _months(retention.month_of(first), retention.month_of(last + retention.GRACE))
    return [month for month in months if month not in held and _has_records(month)]


def _has_records(month: str) -> bool:
    """A record is hashed under the month it was written in, a moment after it was sent."""
    start = datetime.fromisoformat(f"{month}-01T00:00:00+00:00")
    rows = Record.objects.filter(sent_at__gte=start - retention.GRACE, sent_at__lt=start + timedelta(days=32))
    return rows.filter(index_month=month).exists()


def _months(first: str, last: str) -> list[str]:
    start, end = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last))
    return [f"{n // 12:04}-{n % 12 + 1:02}" for n in range(start, end + 1)]
