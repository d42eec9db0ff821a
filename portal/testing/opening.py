"""Opens the businesses of an installation of its own and prints them: a program, run in that installation's environment.

python -m portal.testing.opening acme globex
"""

import json
import sys

import django


def main(slugs: list[str]) -> None:
    django.setup()
    from portal.testing import cast

    opened = [cast.build(slug, f"{slug.title()} House") for slug in slugs]
    print(json.dumps([_told(one) for one in opened]))


def _told(one) -> dict[str, object]:  # type: ignore[no-untyped-def]
    return {
        "id": str(one.place.id), "schema": one.place.schema, "slug": one.place.slug, "host": one.host, "key": one.key,
        "passphrase": one.passphrase, "recovery_text": one.recovery_text, "officer": str(one.officer.id),
        "emails": one.emails, "password": one.password,
    }  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
