"""Certificates of disposal: which there are, and what one says."""

import json
from hashlib import sha256
from typing import Any

from django.db.models import QuerySet

from archive.ledger import canonical, entry, note
from archive.models import Certificate, Entry
from portal.kernel import errors
from portal.kernel.actors import Actor

FORMAT = "ebb-disposal-certificate@v1"
CHUNK = 2000


def get_certificates_for(actor: Actor) -> "QuerySet[Certificate]":
    actor.require("retention.view")
    return Certificate.objects.all()


def get_certificate_for(actor: Actor, certificate_id: object) -> Certificate:
    found = get_certificates_for(actor).filter(id=certificate_id).first()
    if found is None:
        raise errors.not_found("certificate")
    return found


def read(signed: str) -> dict[str, Any]:
    """What it says, unverified. NoteError for what is no certificate."""
    return _content(note.parse(signed).text)


def verify(signed: str, *vkeys: str) -> dict[str, Any]:
    """What it says, if one of these keys signed it. NoteError otherwise."""
    return _content(note.open_(signed, *vkeys).text)


def digest(signed: str) -> str:
    return sha256(signed.encode()).hexdigest()


def entries_of(month: str) -> list[int]:
    """The entries `archive.disposed` of a bucket, in order."""
    rows = Entry.objects.filter(kind="archive.disposed").order_by("index")
    found = rows.values_list("index", "leaf").iterator(CHUNK)
    return [index for index, leaf in found if (entry.decode(bytes(leaf)).codes or {}).get("bucket") == month]


def _content(text: str) -> dict[str, Any]:
    first, _, rest = text.partition("\n")
    if first != FORMAT:
        raise note.NoteError("not a certificate of disposal")
    content: dict[str, Any] = canonical.parse(rest.removesuffix("\n").encode())
    return content


def to_json(row: Certificate) -> bytes:
    """The file: what it says, and the signed note whose second line says the same."""
    return json.dumps({"certificate": read(row.note), "note": row.note}, indent=2, ensure_ascii=False).encode()
