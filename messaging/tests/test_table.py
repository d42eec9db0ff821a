"""Files as programs write them: encodings told apart or refused, delimiters, quotes, sizes."""

import pytest

from messaging.rules import table
from portal.kernel.errors import Refusal

ROWS = "reference,name\r\nC-1,Zoë Ångström\r\nC-2,Jürgen “Jo” Groß\r\n"
READ = [["C-1", "Zoë Ångström"], ["C-2", "Jürgen “Jo” Groß"]]


def rows(raw, delimiter=""):
    return [cells for _, cells in table.read(raw, delimiter).rows]


@pytest.mark.parametrize(
    ("python", "told"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16"), ("utf-16-be", "utf-16"),
     ("windows-1252", "windows-1252")],
)  # fmt: skip
def test_encodings_are_told_apart(python, told):
    read = table.read(ROWS.encode(python))
    assert (read.encoding, read.header) == (told, ["reference", "name"])
    assert [cells for _, cells in read.rows] == READ


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty_file"),
        (b"\n\n", "empty_file"),
        (b",,\n1,2,3\n", "empty_file"),
        (b"PK\x03\x04 a workbook", "not_csv"),
        (b"\xd0\xcf\x11\xe0 an old workbook", "not_csv"),
        (b"a,b\n1,\x81\x8d\n", "bad_encoding"),
        (b"a,b\n1,2\x00\n", "bad_encoding"),
        (b"\xff\xfe\x00\x00a\x00\x00\x00", "bad_encoding"),
        ("a,b\n1,2\n".encode("utf-16")[:-1], "bad_encoding"),
        ("a,b\nZoë Å,Jürgen\n".encode() + "Groß,x\n".encode("windows-1252"), "mixed_encoding"),
        (",".join(f"c{n}" for n in range(101)).encode() + b"\n", "too_many_columns"),
    ],
    ids=str,
)
def test_what_is_no_table_is_refused(raw, code):
    with pytest.raises(Refusal) as refused:
        table.read(raw)
    assert refused.value.code == code


@pytest.mark.parametrize("quotes", ['a,b\n1,"2\n3,4\n', 'a,b\n1,"2"x\n', "a,b\n1," + "x" * 140_000 + "\n"])
def test_quotes_that_do_not_fit_name_their_row(quotes):
    with pytest.raises(Refusal) as refused:
        rows(quotes.encode())
    assert (refused.value.code, refused.value.fields["row"]) == ("bad_csv", 2)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter):
    raw = "\n".join(delimiter.join(row) for row in (["ref", "name"], ["1", "a"], ["2", "b"])).encode()
    assert table.read(raw).delimiter == delimiter
    assert rows(raw) == [["1", "a"], ["2", "b"]]


def test_decimal_commas_do_not_outweigh_semicolons():
    assert table.read(b"ref;price;name\n1;1,5;a\n2;2,5;b\n").delimiter == ";"


def test_what_excel_writes_on_the_first_line_is_obeyed():
    assert rows(b"sep=;\r\nref;name\r\n1;a, b\r\n") == [["1", "a, b"]]


def test_quotes_and_newlines_in_cells_and_rows_without_text():
    read = table.read(b'ref,note\n1,"two\nlines, ""quoted"""\n,\n\n2,x\n')
    assert list(read.rows) == [(2, ["1", 'two\nlines, "quoted"']), (5, ["2", "x"])]


def test_a_million_rows_are_refused_before_they_are_kept():
    raw = b"ref\n" + b"1\n" * (table.MOST_ROWS + 1)
    with pytest.raises(Refusal) as refused:
        rows(raw)
    assert refused.value.code == "too_many_rows"
