"""Log lines as JSON, from an allow-list: what is not named here cannot reach a log, so content cannot either.

A message of our own is a constant code (`log.warning("job_failed", extra={"job": name})`). Of a foreign logger only the
template is written, never its arguments; of an exception the classes and places, never its words (a database repeats
values in them). structlog carries each record through the list of steps below, whoever wrote it.
"""

import logging
import re
import time
import traceback
from collections.abc import MutableMapping
from typing import Any

from structlog.processors import JSONRenderer
from structlog.stdlib import ExtraAdder, ProcessorFormatter
from structlog.typing import Processor

from portal.kernel import tenancy

FIELDS = frozenset({
    "attempts", "business", "code", "count", "device", "index", "job", "kind", "lag_ms", "message_id", "method", "ms",
    "name_of", "process", "queue", "route", "run", "schema", "signal", "size", "state", "status", "step", "took_ms",
})  # fmt: skip
LONGEST = 200
_BEFORE_VALUES = re.compile(r"[\n(<{'\"]|exception=")
Line = MutableMapping[str, Any]


class Formatter(ProcessorFormatter):
    """One line a record."""

    def __init__(self) -> None:
        steps: list[Processor] = [_line, JSONRenderer()]
        super().__init__(foreign_pre_chain=[ExtraAdder(allow=FIELDS)], processors=steps, use_get_message=False)


def _line(logger: Any, method: str, found: Line) -> Line:
    """A new line of what may be told; the rest of the record stays behind."""
    record: logging.LogRecord = found["_record"]
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
    line: Line = {
        "at": at,
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _event(record)[:LONGEST],
    }
    if tenancy.is_anywhere():
        line["business"] = tenancy.here().id.hex
    line.update((name, _short(found[name])) for name in FIELDS if name in found)
    if (error := found.get("exc_info")) and error[1]:
        line["error"] = _error(error[1])
    return line


def _event(record: logging.LogRecord) -> str:
    """What is no text may hold anything: its class. asyncio writes its arguments into its templates, an exception's words among
    them: what stands before the first of them is told."""
    if not isinstance(record.msg, str):
        return type(record.msg).__name__
    return _BEFORE_VALUES.split(record.msg, maxsplit=1)[0].strip() if record.name == "asyncio" else record.msg


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
