"""What a bundle claims of itself (manifest.json, missing.json), held against what was found in it."""

import hashlib
import json
from typing import Any

from archive.export.signed import LogKey, NotVerified, open_note

FORMAT = "ebb-export@v1"
REASONS = ("altered", "disposed", "lost", "mirrored", "not_openable", "withheld")
MANIFEST_FIELDS = frozenset({
    "asked_in", "business", "checkpoint", "complete", "container", "counts", "export", "files", "folders", "format",
    "left_out", "log", "made_at", "reader", "sealed", "selection",
})  # fmt: skip
SELECTION_FIELDS = {
    "indexes": {"by", "first", "last"}, "time": {"after", "before", "by", "first", "last"}, "query": {"by"},
}  # fmt: skip


def write_json(value: dict[str, Any]) -> bytes:
    """The one spelling of manifest.json and missing.json."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=True).encode() + b"\n"


def read_json(raw: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(raw)
        if isinstance(value, dict) and write_json(value) == raw:
            return value
    except (ValueError, RecursionError):
        pass
    raise NotVerified(f"{name} is not what a bundle holds under this name.")


def statement(export: str, manifest: bytes) -> list[str]:
    """What the log's key signs of a manifest. It can never pass for a checkpoint: its first line is no log's name."""
    return [FORMAT, export, hashlib.sha256(manifest).hexdigest()]


def read_manifest(raw: bytes, signature: bytes, key: LogKey) -> dict[str, Any]:
    value = read_json(raw, "manifest.json")
    if value.get("format") != FORMAT:
        raise NotVerified(
            "This bundle is of a version that this verifier does not know: take the verifier of its release."
        )
    if value.keys() != MANIFEST_FIELDS:
        raise NotVerified("manifest.json has an unknown field, or lacks one.")
    if open_note(signature, key, "manifest.sig") != statement(str(value["export"]), raw):
        raise NotVerified("manifest.sig signs another manifest.")
    return value


def compare(manifest: dict[str, Any], found: dict[str, Any]) -> None:
    """Each claim that can be computed must be what was computed."""
    for name, value in found.items():
        if manifest[name] == value and type(manifest[name]) is type(value):
            continue
        wrong = (
            [one for one in value if manifest[name].get(one) != value[one]]
            if _are_objects(manifest[name], value)
            else []
        )
        where = f": {', '.join(map(str, wrong[:3]))}" if wrong else ""
        raise NotVerified(f"The manifest says otherwise than the bundle about its {name}{where}.")


def _are_objects(*values: object) -> bool:
    return all(isinstance(value, dict) for value in values)


def write_missing(missing: list[tuple[int, str]]) -> bytes:
    return write_json({"missing": [{"index": index, "reason": reason} for index, reason in missing]})


def read_missing(raw: bytes) -> list[tuple[int, str]]:
    value = read_json(raw, "missing.json")
    try:
        missing = [(one["index"], one["reason"]) for one in value["missing"]]
        if write_missing(missing) != raw or any(type(index) is not int for index, _ in missing):
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise NotVerified("missing.json is not a list of entries with reasons.") from None
    if [index for index, _ in missing] != sorted({index for index, _ in missing}):
        raise NotVerified("missing.json is out of order, or names an entry twice.")
    if unknown := [reason for _, reason in missing if reason not in REASONS]:
        raise NotVerified(f"missing.json gives a reason that is none: {unknown[0]!r}.")
    return missing


def read_selection(value: object, size: int) -> tuple[str, int, int]:
    """(by, first, last) of a selection; first and last are 0 and -1 for a query."""
    if not isinstance(value, dict) or value.get("by") not in SELECTION_FIELDS:
        raise NotVerified("The manifest does not say what was selected.")
    by = str(value["by"])
    if value.keys() != SELECTION_FIELDS[by]:
        raise NotVerified("The manifest does not say what was selected.")
    if by == "query":
        return by, 0, -1
    first, last = value["first"], value["last"]
    if type(first) is not int or type(last) is not int or not 0 <= first <= last + 1 <= size:
        raise NotVerified("The range of the bundle is none.")
    return by, first, last


def check_times(selection: dict[str, Any], size: int, head: list[str], tail: list[str]) -> None:
    """The neighbours of a range of time show that nothing was left out at its ends."""
    first, last, after, before = (selection[name] for name in ("first", "last", "after", "before"))
    head, tail = list(head), list(tail)
    if first > 0 and not head.pop(0) < after:
        raise NotVerified("The range begins too late: the entry before it belongs to it.")
    if last + 1 < size and not tail.pop() >= before:
        raise NotVerified("The range ends too early: the entry after it belongs to it.")
    if first <= last and not (after <= head[0] and tail[-1] < before):
        raise NotVerified("The range holds entries of another time.")
