"""Canonical JSON: RFC 8785 (JCS) for the types a ledger needs, so that one value has exactly one spelling.

str, bool, None, int within ±(2^53 - 1), list, dict with str keys. No floats: their spelling is where implementations
differ, and nothing here needs them. Keys are ordered by UTF-16 code units (§3.2.3); strings escape `"`, `\\`, and
control characters only, as \\b \\t \\n \\f \\r or \\u00xx in lower case (§3.2.2.2); no spaces; UTF-8.
"""

import json
from typing import Any

from archive.ledger import LedgerError

LARGEST = 2**53 - 1
MAX_DEPTH = 32

# Python's own escapes are those of RFC 8785 once ensure_ascii is off; the tests hold it to the table.
_spell = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class CanonicalError(LedgerError):
    """A value has no canonical form here, or bytes are not the canonical form of any."""


def encode(value: Any) -> bytes:
    """The canonical bytes of `value`; CanonicalError for a type or number outside the restricted set."""
    return write(_order(value, MAX_DEPTH))


def write(value: Any) -> bytes:
    """The bytes of a value whose types are checked and whose keys stand in order already: the fast half of `encode`."""
    try:
        return _spell(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise CanonicalError("a string holds a lone surrogate") from error


def parse(data: bytes) -> Any:
    """The value of canonical bytes; CanonicalError for any other bytes, duplicate keys and deep nesting included."""
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_float=_refuse_number, parse_constant=_refuse_number
        )
    except (ValueError, RecursionError) as error:
        raise CanonicalError("not canonical JSON") from error
    if encode(value) != data:
        raise CanonicalError("not canonical JSON")
    return value


def _order(value: Any, depth: int) -> Any:
    """The same value with its keys in canonical order, after checking every part."""
    if depth == 0:
        raise CanonicalError("nested too deeply")
    if isinstance(value, dict):
        return {key: _order(value[key], depth - 1) for key in sorted(value, key=_utf16)}
    if isinstance(value, list):
        return [_order(item, depth - 1) for item in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int) and -LARGEST <= value <= LARGEST:
        return value
    raise CanonicalError(f"no canonical form for this {type(value).__name__}")


def _utf16(key: Any) -> bytes:
    if not isinstance(key, str):
        raise CanonicalError("a key is a string")
    return key.encode("utf-16-be", "surrogatepass")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise CanonicalError("a key stands twice")
    return value


def _refuse_number(text: str) -> Any:
    raise CanonicalError("a number is not a plain integer")
