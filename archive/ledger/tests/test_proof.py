"""T6: the proof file of one record, `c2sp.org/tlog-proof@v1`."""

from dataclasses import replace

import pytest

from archive.ledger import LedgerError, encoding, merkle, note, proof
from archive.ledger.tests import cases

SIZE = 70
LOG = cases.make_log(SIZE)
TEXT = LOG.prove(33)
LEAF = LOG.leaves[33]


def refuse(text, leaf=LEAF, vkey=cases.VKEY, **given):
    with pytest.raises(LedgerError):
        proof.verify(text, vkey, leaf, **given)


@pytest.mark.parametrize("index", range(SIZE))
def test_every_leaf_is_proved(index):
    tree = proof.verify(LOG.prove(index), cases.VKEY, LOG.leaves[index], index=index)
    assert (tree.origin, tree.size) == (cases.ORIGIN, SIZE)


def test_the_file_has_the_lines_of_the_specification():
    lines = TEXT.split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 33"]
    assert lines[2] == encoding.encode_base64(merkle.hash_leaf(LOG.leaves[32]))
    assert "\n".join(lines[10:]) == LOG.checkpoint
    assert lines[9] == ""


def test_a_file_comes_back_as_text_and_as_bytes():
    parsed = proof.parse(TEXT)
    assert proof.encode(parsed) == TEXT
    assert proof.parse(TEXT.encode()) == parsed
    assert proof.verify(TEXT.encode(), cases.VKEY, LEAF).size == SIZE


def test_extra_data_is_carried_and_trusted_for_nothing():
    with_extra = proof.encode(replace(proof.parse(TEXT), extra=b"more"))
    assert with_extra.split("\n")[1] == "extra bW9yZQ=="
    assert proof.parse(with_extra).extra == b"more"
    assert proof.verify(with_extra, cases.VKEY, LEAF).size == SIZE


def test_the_only_leaf_of_a_log_needs_no_path():
    log = cases.make_log(1)
    assert proof.parse(log.prove(0)).path == ()
    proof.verify(log.prove(0), cases.VKEY, log.leaves[0], index=0)


def test_a_proof_is_of_this_leaf_at_this_index_in_this_log():
    refuse(TEXT, leaf=LOG.leaves[32])
    refuse(TEXT, leaf=LEAF + b" ")
    refuse(TEXT, index=32)
    refuse(TEXT, vkey=note.generate(cases.ORIGIN).verifier)
    refuse(TEXT, vkey=note.SigningKey("ebb.example/log/7c0f/2", cases.KEY.seed).verifier)


def test_a_proof_against_another_checkpoint_of_the_log_is_refused():
    other = cases.make_log(SIZE + 1)
    refuse(proof.encode(replace(proof.parse(TEXT), checkpoint=other.checkpoint)))


def test_damaged_paths_are_refused():
    parsed = proof.parse(TEXT)
    for path in (parsed.path[:-1], parsed.path[1:], (), parsed.path[::-1], (*parsed.path, parsed.path[0])):
        refuse(proof.encode(replace(parsed, path=path)))
    for index in (32, 34, SIZE, 0, 2**62):
        refuse(proof.encode(replace(parsed, index=index)))


HEAD, _, SIGNED = TEXT.partition("\n\n")
MALFORMED = {
    "nothing": "",
    "no header": TEXT.split("\n", 1)[1],
    "another version": TEXT.replace("@v1", "@v2"),
    "no index": TEXT.replace("index 33\n", ""),
    "index twice": TEXT.replace("index 33\n", "index 33\nindex 33\n"),
    "a leading zero": TEXT.replace("index 33", "index 033"),
    "a negative index": TEXT.replace("index 33", "index -33"),
    "index without a number": TEXT.replace("index 33", "index "),
    "extra after index": TEXT.replace("index 33\n", "index 33\nextra YQ==\n"),
    "extra that is no base64": TEXT.replace("index 33\n", "extra a\nindex 33\n"),
    "extra twice": TEXT.replace("index 33\n", "extra YQ==\nextra YQ==\nindex 33\n"),
    "a short hash": TEXT.replace(HEAD.split("\n")[2], "YQ=="),
    "a hash with a space": TEXT.replace("\n\n", " \n\n", 1),
    "carriage returns": TEXT.replace("\n", "\r\n"),
    "no blank line": HEAD + "\n" + SIGNED,
    "two blank lines": HEAD + "\n\n\n" + SIGNED,
    "no checkpoint": HEAD + "\n\n",
    "only the head": HEAD,
    "a line too many": TEXT + "more\n",
    "a blank line before": "\n" + TEXT,
    "64 hashes": HEAD + ("\n" + HEAD.split("\n")[2]) * 57 + "\n\n" + SIGNED,
    "not UTF-8": b"\xff" + TEXT.encode(),
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_file_is_refused(text):
    refuse(text)


def test_a_path_has_63_hashes_at_most():
    step = "\n" + HEAD.split("\n")[2]
    longest = "\n".join(HEAD.split("\n")[:2]) + step * 63
    assert len(proof.parse(longest + "\n\n" + SIGNED).path) == 63
    with pytest.raises(merkle.ProofError):
        proof.parse(longest + step + "\n\n" + SIGNED)
