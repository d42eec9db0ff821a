"""JSON as strict as it can be: what two programs could read differently is refused before anyone acts on it."""

import json
from typing import IO, Any

from rest_framework.parsers import BaseParser

from portal.kernel.errors import Kind, Refusal


def malformed(why: str) -> Refusal:
    return Refusal("malformed_json", f"The body is not valid JSON: {why}.", Kind.MALFORMED)


def loads(raw: bytes) -> Any:
    """RFC 8259 in UTF-8 without a byte order mark; no duplicate member, no NaN, no infinity, no bottomless nesting.

    Lone surrogates survive as they are (they are legal escapes), so that the rules of a field can name them.
    """
    try:
        return json.loads(
            raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant, parse_float=_float
        )  # fmt: skip
    except UnicodeDecodeError:
        raise malformed("it is not UTF-8") from None
    except RecursionError:
        raise malformed("it is nested too deeply") from None
    except ValueError:
        raise malformed("it cannot be parsed") from None


class StrictJSONParser(BaseParser):
    """DRF's way in to `loads`."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: dict[str, Any] | None = None
    ) -> Any:
        return loads(stream.read())


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise malformed("a member stands twice")
    return found


def _constant(name: str) -> None:
    raise malformed(f"{name} is not a number")


def _float(raw: str) -> float:
    value = float(raw)
    if value in (float("inf"), float("-inf")):
        raise malformed("a number is too large")
    return value
