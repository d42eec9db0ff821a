"""T13: what people wrote, through independent readers: `email`, `mailbox`, `csv`, `zipfile`. Nothing of it becomes a header, a
formula or a path, and nothing of it is lost."""

import csv
import email
import email.policy
import io
import json
import mailbox
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.export import letter, table
from archive.export.tests.cases import Log, encode, verify

LEAF = {
    "time": "2031-05-05T12:00:00.000000Z", "kind": "message.sent", "gone_at": "2031-05-05T13:00:00.000000Z", "class": "default",
    "message": "0190a2c4-0000-7000-8000-000000000001", "subject": "0190a2c4-0000-7000-8000-000000000002", "commitment": "a" * 64,
}  # fmt: skip
UNTIL = "2038-05-05T12:00:00.000000Z"
NASTY = [
    "\r\nBcc: thief@example.org", "=cmd|' /C calc'!A0", "\t=1+1", "@SUM(1)", "+1", "-1", "＝1", "From me\nFrom you", "..", ".",
    "\x00", "a\r\nb\rc\n", " ", "=?utf-8?B?QQ==?=", "\"quoted\", <a@b>", "a" * 2000, "\u2028", "\ufeff=1", "é" * 300, "'=1",
    "x \n y\t\n",
]  # fmt: skip
text = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=200), st.lists(st.sampled_from(NASTY), max_size=4).map("".join)
)
sides = st.fixed_dictionaries({"name": text, "email": text, "phone": text, "customer": text})
contents = st.fixed_dictionaries(
    {"subject": text, "body": text, "from": sides, "to": sides, "category": text, "format": text, "in_reply_to": text}
)
KNOWN = {
    "date", "from", "to", "subject", "message-id", "references", "in-reply-to", "mime-version", "content-type",
    "content-transfer-encoding",
}  # fmt: skip


def flat(value: str) -> str:
    """What a header may keep of a text: its control characters are spaces, and blanks between words count once."""
    return re.sub(r"\s+", " ", letter._CONTROL.sub(" ", value)).strip()


def write(content: dict[str, Any]) -> bytes:
    return letter.write_letter(12, LEAF, UNTIL, content, "example")


def check_letter(content: dict[str, Any]) -> None:
    raw = write(content)
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    read = email.message_from_bytes(raw, policy=email.policy.SMTP)
    assert not read.defects
    names = [name.lower() for name in read.keys()]  # noqa: SIM118 (a message's keys may repeat)
    assert len(names) == len(set(names))
    assert all(name in KNOWN or name.startswith("x-ebb-") for name in names)
    assert flat(str(read["Subject"] or "")) == flat(content["subject"])
    assert flat(str(read["X-Ebb-To"] or "")) == flat(letter.describe(content["to"]))
    assert len(read["To"].addresses) == 1
    assert read["X-Ebb-Gone-At"] == LEAF["gone_at"]
    assert read["X-Ebb-Archived-Until"] == UNTIL
    body = read.get_payload(decode=True).decode()
    assert body.replace("\r\n", "\n") == content["body"] or body == content["body"].replace("\n", "\r\n")


def check_row(content: dict[str, Any]) -> None:
    rows = table.write_heading() + table.write_row(12, LEAF, UNTIL, content)
    read = list(csv.DictReader(io.StringIO(rows.decode(), newline="")))
    assert len(read) == 1
    for name in ("subject", "body", "category"):
        cell = read[0][name]
        assert not re.match(r"[\s\ufeff\u200b]*[=+\-@＝＋－＠]", cell)
        was = content[name].replace("\x00", "\ufffd")
        assert cell in {was, f"'{was}"}


@given(contents)
@settings(max_examples=1_000, deadline=None, derandomize=True, database=None)
def test_letters_and_rows_are_read_back_as_they_were_written(content: dict[str, Any]) -> None:
    check_letter(content)
    check_row(content)


@pytest.mark.load
@given(contents)
@settings(max_examples=100_000, deadline=None, database=None, print_blob=True)
def test_letters_and_rows_at_full_size(content: dict[str, Any]) -> None:
    check_letter(content)
    check_row(content)


@pytest.mark.parametrize(
    "content", [{}, {"from": "x", "to": 7, "subject": None, "body": 5}, {"from": {"name": 1}}, {"answers": "x"}]
)
def test_a_snapshot_that_is_not_as_expected_is_written_all_the_same(content: dict[str, Any]) -> None:
    assert not email.message_from_bytes(write(content), policy=email.policy.SMTP).defects
    json.dumps(table.write_row(1, LEAF, None, content).decode())


@given(st.lists(contents, min_size=1, max_size=3))
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_whole_bundles_of_it_verify_and_unpack(tmp_path_factory: Any, given_contents: list[dict[str, Any]]) -> None:
    log = Log()
    for content in given_contents:
        log.say(**content)
    data = log.draw()
    verify(data, log.vkey)
    folder: Path = tmp_path_factory.mktemp("bundle")
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert read.testzip() is None
        read.extractall(folder)
    box = mailbox.Maildir(folder / "mail", create=True)
    for index, content in enumerate(given_contents):
        key = box.add((folder / "records" / f"{index}.eml").read_bytes())
        assert flat(
            str(email.message_from_bytes(box.get_bytes(key), policy=email.policy.SMTP)["Subject"] or "")
        ) == flat(content["subject"])
    with (folder / "records.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == len(given_contents) + 1
    lines = (folder / "records.jsonl").read_text().split("\n")[:-1]
    assert [encode(json.loads(line)["content"]) for line in lines] == [
        log.kept[at].line.content for at in range(len(lines))
    ]


@pytest.mark.parametrize(
    "answers", [["Yes"], ['Reply "STOP"', "Ja, später; gerne", "=?utf-8?B?QQ==?="], ["\x7f" * 40] * 4]
)
def test_answers_offered_are_one_header_and_the_bundle_verifies(answers: list[str]) -> None:
    plain = write({"body": "At nine?"})
    offered = email.message_from_bytes(write({"body": "At nine?", "answers": answers}), policy=email.policy.SMTP)
    assert not offered.defects
    assert flat(str(offered["X-Ebb-Answers"])) == flat(json.dumps(answers, ensure_ascii=False))
    assert b"X-Ebb-Answers" not in plain
    assert write({"body": "At nine?", "answers": []}) == write({"body": "At nine?", "answers": [7]}) == plain
    log = Log()
    log.say(answers=answers)
    data = log.draw()
    verify(data, log.vkey)
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        [row] = csv.DictReader(io.StringIO(read.read("records.csv").decode(), newline=""))
    assert row["answers"].split("\n") == answers


def test_one_customers_messages_are_one_thread() -> None:
    answer = email.message_from_bytes(write({"in_reply_to": LEAF["message"]}), policy=email.policy.SMTP)
    assert answer["In-Reply-To"] == f"<{LEAF['message']}@example.ebb.invalid>"
    assert answer["References"].split() == [f"<thread.{LEAF['subject']}@example.ebb.invalid>", answer["In-Reply-To"]]
