"""T6: checkpoints as C2SP tlog-checkpoint writes them."""

import pytest

from archive.ledger import LedgerError, checkpoint, merkle, note
from archive.ledger.tests import cases

SPEC_TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
ROOT = merkle.hash_leaf(b"root")
TREE = checkpoint.Checkpoint(cases.ORIGIN, 7, ROOT)
EMPTY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_the_text_of_the_specification_is_read_and_written():
    tree = checkpoint.parse(SPEC_TEXT)
    assert (tree.origin, tree.size, tree.root[:2], tree.extensions) == (
        "example.com/behind-the-sofa",
        20852163,
        b"\x0a\xc5",
        (),
    )
    assert checkpoint.encode(tree) == SPEC_TEXT


def test_a_signed_checkpoint_opens():
    assert checkpoint.open_(checkpoint.sign(TREE, cases.KEY), cases.VKEY) == TREE
    assert checkpoint.open_(checkpoint.sign(TREE, cases.KEY).encode(), cases.KEY.verifier) == TREE


def test_an_empty_tree_has_its_checkpoint():
    tree = checkpoint.parse(f"log\n0\n{EMPTY}\n")
    assert (tree.size, tree.root) == (0, merkle.EMPTY_ROOT)


def test_extensions_are_read():
    assert checkpoint.parse(SPEC_TEXT + "one\ntwo words\n").extensions == ("one", "two words")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "log\n1\n",
        f"log\n1\n{EMPTY}",
        f"\n1\n{EMPTY}\n",
        f"log\n01\n{EMPTY}\n",
        f"log\n-1\n{EMPTY}\n",
        f"log\n\n{EMPTY}\n",
        f"log\n9223372036854775808\n{EMPTY}\n",
        f"log\n1 \n{EMPTY}\n",
        f"log\n1\n{EMPTY[:-1]}\n",
        f"log\n1\n{EMPTY[:-4]}\n",
        f"log\n1\n {EMPTY}\n",
        f"log\n1\n{EMPTY}\n\n",
        f"log\n1\n{EMPTY}\n\next\n",
        SPEC_TEXT.replace("20852163", "0"),
    ],
)
def test_any_other_text_is_refused(text):
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.parse(text)


@pytest.mark.parametrize(
    "tree",
    [
        checkpoint.Checkpoint("", 1, ROOT),
        checkpoint.Checkpoint("a\nb", 1, ROOT),
        checkpoint.Checkpoint("log", -1, ROOT),
        checkpoint.Checkpoint("log", 2**63, ROOT),
        checkpoint.Checkpoint("log", 1, ROOT[:31]),
        checkpoint.Checkpoint("log", 0, ROOT),
        checkpoint.Checkpoint("log", 1, ROOT, ("",)),
        checkpoint.Checkpoint("log", 1, ROOT, ("one\ntwo",)),
        checkpoint.Checkpoint(f"log\n1\n{EMPTY}", 2, ROOT),
    ],
)
def test_values_that_no_checkpoint_can_hold_are_not_written(tree):
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.encode(tree)


def test_a_log_signs_with_its_own_key_only():
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.sign(TREE, note.generate("other.example/log"))


def test_a_checkpoint_of_another_log_is_refused_even_if_the_key_signed_it():
    foreign = checkpoint.encode(checkpoint.Checkpoint("other.example/log", 7, ROOT))
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.open_(note.sign(foreign, cases.KEY), cases.VKEY)


def test_a_checkpoint_under_another_key_is_refused():
    signed = checkpoint.sign(TREE, cases.KEY)
    for key in (note.generate(cases.ORIGIN).verifier, note.generate("x").verifier):
        with pytest.raises(LedgerError):
            checkpoint.open_(signed, key)
    with pytest.raises(note.NoteError):
        checkpoint.open_(signed, "no key")
