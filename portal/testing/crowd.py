"""A crowd of customers in a moment, for tests and benchmarks of campaigns: rows by COPY, profiles sealed as the product seals them.

python -m portal.testing.crowd acme 2000      in an installation's environment
"""

import sys
from uuid import UUID

import django

COLUMNS = (
    "id", "subject_id", "state", "sealed_profile", "language", "time_zone", "marks", "agreed", "refused", "created_at",
    "updated_at",
)  # fmt: skip
SLICE = 5000


def gather(count: int, *, time_zone: str = "") -> list[UUID]:
    """Makes `count` customers of the business at hand, with a name, a reference, addresses and three fields; every fifth speaks
    German."""
    from django.db import transaction

    from messaging.queries import profiles
    from portal.kernel import bulk, clock, ids

    made, now = [], clock.now()
    for start in range(0, count, SLICE):
        book, rows = profiles.Book(), []
        for number in range(start, min(count, start + SLICE)):
            pk = ids.uuid7()
            profile = profiles.Profile(
                reference=f"C-{pk.hex[-8:]}", name=f"Customer Number {number}", email=f"c{pk.hex[-12:]}@example.org",
                phone=f"+4930{number:07d}", fields={"plan": "Gold", "branch": f"No. {number % 40}", "since": "2019-04-01"},
            )  # fmt: skip
            sealed = book.seal(pk, profile)
            rows.append(
                (
                    pk,
                    ids.uuid4(),
                    "active",
                    sealed,
                    "de" if number % 5 == 0 else "en",
                    time_zone,
                    "{}",
                    "{}",
                    "{}",
                    now,
                    now,
                )
            )
            made.append(pk)
        with transaction.atomic():
            bulk.insert("messaging_customer", COLUMNS, rows)
    return made


def main(slug: str, count: int) -> None:
    django.setup()
    from portal.kernel import tenancy

    [place] = [one for one in tenancy.directory().all_ready() if one.slug == slug]
    with tenancy.tenant_scope(place):
        gather(count)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
