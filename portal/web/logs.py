"""Log lines as JSON, from an allow-list: what is not named here cannot reach a log, so content cannot either.

A message of our own is a constant code (`log.warning("job_failed", extra={"job": name})`). Of a foreign logger only the
template is written, never its arguments; of an exception the classes and places, never its words (a database repeats
values in them).
"""

import json
import logging
import time
import traceback

from portal.kernel import tenancy

FIELDS = frozenset({
    "attempts", "business", "code", "count", "device", "index", "job", "kind", "lag_ms", "message_id", "method", "ms",
    "name_of", "process", "queue", "route", "run", "schema", "signal", "size", "state", "status", "step", "took_ms",
})  # fmt: skip
LONGEST = 200
_OURS = ("ebb", "portal", "tenants", "archive", "messaging")


class Formatter(logging.Formatter):
    """One line a record."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": str(record.msg)[:LONGEST],
        }
        if tenancy.is_anywhere():
            line["business"] = tenancy.here().id.hex
        line |= {name: _short(value) for name, value in record.__dict__.items() if name in FIELDS}
        if record.exc_info and record.exc_info[1]:
            line["error"] = _error(record.exc_info[1])
        return json.dumps(line)


def _short(value: object) -> object:
    return value if isinstance(value, int | float | bool | type(None)) else str(value)[:LONGEST]


def _error(error: BaseException) -> list[str]:
    """Classes and places along the chain of causes; no words."""
    told: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(told) < 40:
        told.append(type(seen).__name__)
        frames = traceback.extract_tb(seen.__traceback__)[-6:]
        told += [f"{frame.name}:{frame.lineno}" for frame in frames]
        seen = seen.__cause__ or seen.__context__
    return told
