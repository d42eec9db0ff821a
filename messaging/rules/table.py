"""A file of rows as people's programs write it: bytes → text → delimiter → a header and rows. Pure.

Told apart: UTF-8 (with or without a mark), UTF-16 (both orders, with or without a mark), Windows-1252. What is none of these,
or two at once, is refused: names that came out wrong are noticed too late.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from portal.kernel.errors import Kind, Refusal

MOST_ROWS, MOST_COLUMNS = 250_000, 100
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
ENCODINGS = {"utf-8": "UTF-8", "utf-16": "UTF-16", "windows-1252": "Windows-1252"}
LOOKED_AT = 64 * 1024  # characters of the beginning, for a guess
_ARCHIVES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")


@dataclass(frozen=True)
class Table:
    """`rows` yields (number in the file, cells) once; the header is row 1 and rows without any text are passed over."""

    encoding: str
    delimiter: str
    header: list[str]
    rows: Iterator[tuple[int, list[str]]]


def read(raw: bytes, delimiter: str = "") -> Table:
    """`delimiter` is "" for a guess. Refusals that depend on a row come while `rows` is drawn."""
    text, encoding = decode(raw)
    first, _, rest = text.partition("\n")
    if first.strip().casefold().startswith("sep=") and len(first.strip()) == 5:  # what Excel writes and reads
        text, delimiter = rest, first.strip()[4]
    chosen = delimiter or guess(text[:LOOKED_AT])
    records = _records(text, chosen)
    header = [cell.strip() for cell in next(records, (1, []))[1]]
    if not any(header):
        raise Refusal("empty_file", "The file is empty, or its first row has no names of columns.", field="file")
    if len(header) > MOST_COLUMNS:
        raise Refusal(
            "too_many_columns", "The file has more than 100 columns. Leave out what is not needed.", field="file"
        )
    return Table(encoding, chosen, header, _filled(records))


def decode(raw: bytes) -> tuple[str, str]:
    """(text, name of the encoding)."""
    if raw.startswith(_ARCHIVES):
        raise Refusal(
            "not_csv", "That is not a CSV file. In a spreadsheet, save it as CSV and choose that.", field="file"
        )
    if raw.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        raise _bad_encoding()
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _strictly(raw, "utf-16"), "utf-16"
    if b"\x00" in raw:
        return _strictly(raw, _order_of(raw)), "utf-16"
    try:
        return raw.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as error:
        return _windows(raw, error), "windows-1252"


def guess(text: str) -> str:
    """The delimiter by which most of the first rows have as many cells as the first, and at least two."""
    best, found = (0.0, 0), ","
    for delimiter in DELIMITERS:
        widths = [len(row) for row in _some(text, delimiter)]
        if widths and widths[0] > 1:
            score = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
            best, found = (score, delimiter) if score > best else (best, found)
    return found


def _some(text: str, delimiter: str) -> list[list[str]]:
    """The first twenty rows; the last one may be cut off, so it counts only when it is alone."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows.extend(row for row, _ in zip(reader, range(20), strict=False) if row)
    return rows[:-1] or rows


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    number = 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for number, row in enumerate(reader, 1):
            yield number, row
    except csv.Error:
        raise Refusal(
            "bad_csv", f"Row {number + 1} cannot be read: its quotes do not fit, or a cell is far too long.",
            field="file", row=number + 1,
        ) from None  # fmt: skip


def _filled(records: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    count = 0
    for number, row in records:
        if any(cell.strip() for cell in row):
            count += 1
            if count > MOST_ROWS:
                raise Refusal(
                    "too_many_rows", "The file has more than 250,000 rows. Split it and import the parts one after the "
                    "other.", Kind.TOO_LARGE, field="file", limit=MOST_ROWS,
                )  # fmt: skip
            yield number, row


def _strictly(raw: bytes, encoding: str) -> str:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        raise _bad_encoding() from None
    if "\x00" in text:
        raise _bad_encoding()
    return text.removeprefix("\ufeff")


def _order_of(raw: bytes) -> str:
    """UTF-16 without a mark: in western text every second byte is zero, and which one tells the order."""
    even, odd = raw[0::2].count(0), raw[1::2].count(0)
    if max(even, odd) * 4 < len(raw):  # half of the pairs
        raise _bad_encoding()
    return "utf-16-be" if even > odd else "utf-16-le"


def _windows(raw: bytes, error: UnicodeDecodeError) -> str:
    """What is no UTF-8 is Windows-1252, unless more of it can only be UTF-8: then two files were put together. (A letter and
    a quotation mark of Windows-1252 side by side may look like UTF-8, but seldom.)"""
    characters = raw.decode("utf-8", "surrogateescape")
    if sum("\x7f" < one < "\ud800" for one in characters) >= sum("\udc80" <= one <= "\udcff" for one in characters):
        row = raw[: error.start].count(b"\n") + 1
        raise Refusal(
            "mixed_encoding", f"Most of the file is UTF-8, but row {row} is not. Save the whole file as UTF-8.",
            field="file", row=row,
        )  # fmt: skip
    return _strictly(raw, "windows-1252")


def _bad_encoding() -> Refusal:
    return Refusal(
        "bad_encoding",
        "The file's characters cannot be read. Save it as CSV in UTF-8 and choose it again.",
        field="file",
    )
