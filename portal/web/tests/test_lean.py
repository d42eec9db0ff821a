"""What is sent is what was written: each file of the house, before and after, by a reader that is not ours."""

from pathlib import Path

import pytest
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Text, Whitespace

from portal.web import statics
from portal.web.lean import lean

OURS = sorted(path for path in statics.HOUSE.rglob("*") if path.suffix in statics.LEAN)


def read(text: str, kind: str) -> list[tuple[str, str, str]]:
    """All that is no comment and no blank, each with what stood before it: nothing, a blank, or a line break, which may be
    the end of a statement."""
    found, before = [], ""
    for token, value in get_lexer_by_name(kind).get_tokens(text):
        if token in Comment or token in Whitespace or (token in Text and not value.strip()):
            blank = "\n" if "\n" in value else " "
            before = max(before, blank, key=("", " ", "\n").index)
        else:
            found.append((str(token), value, before))
            before = ""
    return found


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.relative_to(statics.HOUSE).as_posix())
def test_no_file_says_anything_else(path: Path):
    text = path.read_text(encoding="utf-8")
    sent = (statics.load(path.relative_to(statics.HOUSE).as_posix()).body).decode()
    kind = path.suffix.removeprefix(".")
    assert len(sent) < len(text)
    assert read(sent, kind)[1:] == read(text, kind)[1:]
    assert read(sent, kind)[0][:2] == read(text, kind)[0][:2]  # what stood before the first is a comment


@pytest.mark.parametrize(
    "kept",
    ['const a = "// no comment";', "const a = '/* nor this */';", r"const a = /\/\* x/;", "const a = `// ${b} /* c */`;",
     'a = "https://b"; // behind code it stays', "return\na", "a\n++b", "a = b /* c */ + d", "x { background: url(//y); }",
     "a > b,\nc { color: red }", "a = b\n/ c /* d */ / e"],
)  # fmt: skip
def test_it_leaves_alone_what_is_no_line_of_comment(kept):
    assert lean(kept) == kept


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("// a\nb\n", "b\n"), ("a\n  // `b\n  c\n", "a\nc\n"), ("a\n\n\n\tb", "a\nb"),
        ("/* a\n * b\n */\nc {\n  d: e;\n}\n", "c {\nd: e;\n}\n"), ("/** a */\nb", "b"), ("/* a **/\n/* b */\nc", "c"),
        ("/* a */ b\n", "b\n"), ("a\n/* b\n// */ c\n", "a\nc\n"),
    ],
)  # fmt: skip
def test_it_takes_out_what_only_people_read(written, sent):
    assert lean(written) == sent


def test_the_reader_would_tell():
    """Or the first test above would be worth nothing."""
    assert read("a\nb", "js") != read("a b", "js")
    assert read("`a\n  b`", "js") != read("`a\nb`", "js")
    assert read("`${a}\n  ${b}`", "js") != read("`${a}\n${b}`", "js")
    assert read('"// a"', "js") != read('""', "js")
    assert read("a b {}", "css") != read("ab {}", "css")
