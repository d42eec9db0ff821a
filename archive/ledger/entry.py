"""A leaf: what one entry of the ledger says, as canonical JSON (RFC 8785), format version 1, under 4 KiB.

    {"actor":"staff:…","class":"default","codes":{…},"commitment":"…","id":"…","kind":"message.sent", … ,"v":1}

A leaf is public to whoever may see the ledger, and for ever: it holds ids, times, hashes and *codes*, never words that
a person wrote. Free text lives in a sealed detail; the leaf commits to it. A field that does not apply is absent,
never null.

What every hash in a leaf is, in lower-case hex of 32 bytes:

    commitment          HMAC-SHA256(random 32-byte nonce kept with the content, content)   for the record
    detail_commitment   the same for the sealed detail
    sealed_sha256       SHA-256 of the inner ciphertext of the record
    wrap_sha256         SHA-256 of the record key's inner wrap (under the batch key; the outer one may change)
    batch_sha256        SHA-256 of the batch envelope (the batch key, sealed to the archive recipients)
    ids_sha256          SHA-256 of the distinct ids of a mass entry, 16 bytes each, sorted, concatenated; `count` tells

A record that came with files has the code `files_sha256` (`digest_files`): which files, and what each is as it is sealed.

No value needs an escape, so a leaf is written by joining and checked as a whole against one grammar, which took two
thirds of the time of a JSON encoder and a check for each field. What sends in bulk cuts a `stencil`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from operator import attrgetter
from uuid import UUID

from archive.ledger import LedgerError, canonical
from archive.ledger.kinds import KINDS

VERSION = 1
LIMIT = 4096
FILES = "files_sha256"  # the code of a record's files

Codes = Mapping[str, str | int | bool]


class EntryInvalid(LedgerError):
    """A leaf holds what its format does not allow. Names the field, never its value."""


class EntryTooLarge(EntryInvalid):
    """A leaf would be 4,096 bytes or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One entry. Ids are lower-case UUID text; times are what `format_time` writes; `retention` is spelled `class`."""

    id: str
    kind: str
    time: str
    actor: str
    subject: str | None = None
    message: str | None = None
    run: str | None = None
    retention: str | None = None
    gone_at: str | None = None
    codes: Codes | None = None
    commitment: str | None = None
    sealed_sha256: str | None = None
    wrap_sha256: str | None = None
    batch_sha256: str | None = None
    detail_commitment: str | None = None
    count: int | None = None
    ids_sha256: str | None = None
    v: int = VERSION


# ── the grammar ───────────────────────────────────────────────────────────────────────────────────────────────────────

UUID_TEXT = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
HASH_TEXT = "[0-9a-f]{64}"
TIME_TEXT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
ACTOR_TEXT = f"(?:staff|device|link|key|operator):{UUID_TEXT}|clock|system|operator"
CLASS_TEXT = "[A-Za-z0-9._:-]{1,64}"
COUNT_TEXT = "0|[1-9][0-9]{0,14}"
CODE_NAME = re.compile("[a-z][a-z0-9_]{0,39}")
# Printable ASCII without the space and " \ { } @: codes, not words, and nothing that JSON would escape.
CODE_TEXT = re.compile(r"[!#-?A-\[\]-z|~]{1,200}")

# Name in the leaf, attribute of Leaf, pattern, quoted: in the order of RFC 8785. The first is required.
FIELDS = (
    ("actor", "actor", ACTOR_TEXT, True),
    ("batch_sha256", "batch_sha256", HASH_TEXT, True),
    ("class", "retention", CLASS_TEXT, True),
    ("codes", "codes", r"\{[^{}]+\}", False),
    ("commitment", "commitment", HASH_TEXT, True),
    ("count", "count", COUNT_TEXT, False),
    ("detail_commitment", "detail_commitment", HASH_TEXT, True),
    ("gone_at", "gone_at", TIME_TEXT, True),
    ("id", "id", UUID_TEXT, True),
    ("ids_sha256", "ids_sha256", HASH_TEXT, True),
    ("kind", "kind", "|".join(map(re.escape, KINDS)), True),
    ("message", "message", UUID_TEXT, True),
    ("run", "run", UUID_TEXT, True),
    ("sealed_sha256", "sealed_sha256", HASH_TEXT, True),
    ("subject", "subject", UUID_TEXT, True),
    ("time", "time", TIME_TEXT, True),
    ("v", "v", str(VERSION), False),
    ("wrap_sha256", "wrap_sha256", HASH_TEXT, True),
)
REQUIRED = frozenset({"actor", "id", "kind", "time", "v"})
GROUPS = (
    ("batch_sha256", "commitment", "sealed_sha256", "wrap_sha256"),
    ("count", "ids_sha256"),
)
ATTRIBUTES = {name: attribute for name, attribute, _, _ in FIELDS}
_read = attrgetter(*ATTRIBUTES.values())
_read_groups = tuple(attrgetter(*group) for group in GROUPS)
_BEFORE = tuple(f',"{name}":' + '"' * quoted for name, _, _, quoted in FIELDS)
_AFTER = tuple('"' * quoted for *_, quoted in FIELDS)


def _write_grammar() -> re.Pattern[str]:
    parts = []
    for name, _, pattern, quoted in FIELDS:
        quote = '"' if quoted else ""
        parts.append(f',"{name}":{quote}(?:{pattern}){quote}')
    optional = [part if field[0] in REQUIRED else f"(?:{part})?" for part, field in zip(parts, FIELDS, strict=True)]
    return re.compile("".join(optional))


_matches = _write_grammar().fullmatch

# ── writing and reading ───────────────────────────────────────────────────────────────────────────────────────────────


def encode(leaf: Leaf) -> bytes:
    """The exact bytes of a leaf. EntryInvalid, or EntryTooLarge at 4,096 bytes."""
    _check_unquoted(leaf)
    parts = [
        before + (value if value.__class__ is str else _spell(value)) + after
        for before, after, value in zip(_BEFORE, _AFTER, _read(leaf), strict=True)
        if value is not None
    ]
    text = "".join(parts)
    # The count of quotes: no value can pass for two fields by holding the quotes between them.
    if not _matches(text) or text.count('"') != _count_quotes(leaf, len(parts)):
        raise EntryInvalid(f"{_find_fault(leaf)} is not valid in a leaf")
    _check_times(leaf)
    _check_groups(leaf)
    if len(text) + 1 >= LIMIT:  # the first comma becomes a brace, the last brace is added
        raise EntryTooLarge("a leaf stays under 4,096 bytes")
    return b"{" + text[1:].encode("ascii") + b"}"


def decode(data: bytes) -> Leaf:
    """The leaf in exact bytes; EntryInvalid for any that `encode` would not write, so for every other spelling too."""
    if len(data) >= LIMIT:
        raise EntryTooLarge("a leaf stays under 4,096 bytes")
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EntryInvalid("a leaf is canonical JSON") from error
    if not isinstance(values, dict) or not REQUIRED <= values.keys() <= ATTRIBUTES.keys():
        raise EntryInvalid("a leaf has an unknown field, or lacks one")
    leaf = Leaf(**{ATTRIBUTES[name]: value for name, value in values.items()})
    if encode(leaf) != data:
        raise EntryInvalid("a leaf is canonical JSON")
    return leaf


def format_time(moment: datetime) -> str:
    """An aware moment as RFC 3339 in UTC with microseconds and `Z`: equal lengths, so text order is time order."""
    if moment.tzinfo is None:
        raise EntryInvalid("a time has a zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> datetime:
    """The aware UTC moment of `format_time`'s text; EntryInvalid for any other text."""
    if not re.fullmatch(TIME_TEXT, text):
        raise EntryInvalid("not a time of a leaf")
    _check_time(text)
    return datetime.fromisoformat(text)


def digest_ids(ids: Iterable[UUID]) -> tuple[int, str]:
    """`count` and `ids_sha256` of a mass entry: SHA-256 over the distinct ids, 16 bytes each, sorted, concatenated."""
    distinct = sorted({item.bytes for item in ids})
    return len(distinct), sha256(b"".join(distinct)).hexdigest()


def digest_files(files: Iterable[tuple[UUID, bytes]]) -> str:
    """`files_sha256` of a record: SHA-256 over id (16 bytes) and SHA-256 of the sealed file of each, sorted, concatenated."""
    return sha256(b"".join(sorted({pk.bytes + digest for pk, digest in files}))).hexdigest()


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _spell(value: object) -> str:
    """A value that is no plain str. What has no place in a leaf becomes text that the grammar refuses."""
    if isinstance(value, Mapping):
        return _spell_codes(value)
    if isinstance(value, str):  # a str enum, whose str() might be its name
        return str.__str__(value)
    return str(value) if type(value) is int else "?"


def _spell_codes(codes: Codes) -> str:
    return "{" + ",".join([_spell_code(*item) for item in sorted(codes.items(), key=_name)]) + "}"


def _name(item: tuple[str, object]) -> str:
    return str(item[0])  # a name that is no text is refused below, but must not stop the sorting


def _spell_code(name: str, value: object) -> str:
    if isinstance(name, str) and CODE_NAME.fullmatch(name):
        if isinstance(value, str) and CODE_TEXT.fullmatch(value):
            return f'"{name}":"{str.__str__(value)}"'
        if isinstance(value, bool):
            return f'"{name}":{"true" if value else "false"}'
        if isinstance(value, int) and -canonical.LARGEST <= value <= canonical.LARGEST:
            return f'"{name}":{int(value)}'
    raise EntryInvalid("codes is not valid in a leaf")


def _check_unquoted(leaf: Leaf) -> None:
    """What stands without quotes must not come in as text, which would be spelled as it is."""
    if not (leaf.codes is None or isinstance(leaf.codes, Mapping)):
        raise EntryInvalid("codes is not valid in a leaf")
    if isinstance(leaf.count, str) or isinstance(leaf.v, str):
        raise EntryInvalid("count or v is not valid in a leaf")


def _count_quotes(leaf: Leaf, parts: int) -> int:
    """How many quotes stand in a leaf of so many fields: two around each name, two around each text."""
    quotes = 4 * parts - 2  # v is a number
    if leaf.count is not None:
        quotes -= 2
    if leaf.codes is not None:
        texts = [value for value in leaf.codes.values() if isinstance(value, str)]
        quotes += 2 * len(leaf.codes) + 2 * len(texts) - 2
    return quotes


def _check_times(leaf: Leaf) -> None:
    _check_time(leaf.time)
    if leaf.gone_at is not None:
        _check_time(leaf.gone_at)


def _check_time(text: str) -> None:
    """The grammar knows digits; the calendar knows February."""
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise EntryInvalid("time or gone_at is no moment of the calendar") from error


def _check_groups(leaf: Leaf) -> None:
    """Fields that mean something only together stand together."""
    for group, read in zip(GROUPS, _read_groups, strict=True):
        absent = read(leaf).count(None)
        if absent and absent != len(group):
            raise EntryInvalid(f"{', '.join(group)} stand together in a leaf")


def _find_fault(leaf: Leaf) -> str:
    """The name of the first field that does not match: only for the words of a refusal."""
    for (name, _, pattern, _), value in zip(FIELDS, _read(leaf), strict=True):
        if value is None:
            if name in REQUIRED:
                return name
        elif not re.fullmatch(pattern, _spell(value)):
            return name
    return "a field"
