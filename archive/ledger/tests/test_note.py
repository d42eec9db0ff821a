"""T6: signed notes, against the vectors of C2SP signed-note and of Go's sumdb/note, and rule by rule."""

import pytest

from archive.ledger import encoding, note

SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH_VKEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
ENOCH = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
SIGNED = TEXT + "\n" + PETER
KEY = note.parse_skey(GO_SKEY)


def refuse(text, *vkeys):
    with pytest.raises(note.NoteError):
        note.open_(text, *(vkeys or (GO_VKEY,)))


def test_the_note_of_the_specification_opens():
    assert note.open_(SPEC_NOTE, SPEC_VKEY).text == "This is an example message.\n"
    assert note.parse_vkey(SPEC_VKEY).encode() == SPEC_VKEY


def test_signing_writes_the_bytes_that_go_writes():
    assert note.sign(TEXT, KEY) == SIGNED
    assert (KEY.encode(), KEY.verifier.encode()) == (GO_SKEY, GO_VKEY)


def test_a_signature_is_added_after_the_others():
    enoch = note.open_(TEXT + "\n" + ENOCH, ENOCH_VKEY)
    assert note.sign(enoch.text, KEY, others=enoch.signatures) == TEXT + "\n" + ENOCH + PETER


def test_a_signature_replaces_the_old_one_of_its_key():
    old = note.Signature("PeterNeumann", KEY.verifier.key_id, bytes(64))
    assert note.sign(TEXT, KEY, others=[old]) == SIGNED


def test_only_what_verified_is_returned():
    both = TEXT + "\n" + PETER + ENOCH
    assert [s.name for s in note.open_(both, GO_VKEY).signatures] == ["PeterNeumann"]
    assert [s.name for s in note.open_(both.encode(), ENOCH_VKEY, GO_VKEY).signatures] == ["PeterNeumann", "EnochRoot"]
    assert [s.name for s in note.open_(SIGNED + PETER, GO_VKEY).signatures] == ["PeterNeumann"]


def test_the_text_may_hold_empty_lines_and_signature_lines():
    text = "one\n\n" + PETER + "\ntwo\n"
    assert note.open_(note.sign(text, KEY), GO_VKEY).text == text


def test_the_shortest_text_is_one_newline():
    assert note.open_(note.sign("\n", KEY), GO_VKEY).text == "\n"


def test_an_unknown_key_is_ignored_even_if_it_shares_a_name_or_an_id():
    same_name = note.Signature("PeterNeumann", b"\0\0\0\1", bytes(64)).encode()
    same_id = note.Signature("Petra", KEY.verifier.key_id, bytes(64)).encode()
    assert note.open_(SIGNED + same_name + same_id, GO_VKEY).text == TEXT
    refuse(TEXT + "\n" + same_name + same_id)
    refuse(TEXT + "\n" + ENOCH)
    refuse(SIGNED, note.generate("PeterNeumann").verifier)


@pytest.mark.parametrize("blob", [bytes(64), bytes(63), bytes(65), b"\1"])
def test_a_bad_signature_of_a_known_key_rejects_the_whole_note(blob):
    bad = note.Signature("PeterNeumann", KEY.verifier.key_id, blob).encode()
    refuse(SIGNED + bad)
    refuse(TEXT + "\n" + bad + PETER)
    refuse(TEXT + "\n" + ENOCH + bad, ENOCH_VKEY, GO_VKEY)


def test_the_signature_covers_every_byte_of_the_text():
    for at in range(len(TEXT)):
        refuse(TEXT[:at] + chr(ord(TEXT[at]) ^ 1) + TEXT[at + 1 :] + "\n" + PETER)
    refuse(TEXT + "\n\n" + PETER)
    refuse(TEXT[:-1] + "\n" + PETER)


MALFORMED = {
    "empty": "",
    "no signatures": TEXT,
    "a blank line and nothing": TEXT + "\n",
    "no last newline": SIGNED[:-1],
    "a blank line after": SIGNED + "\n",
    "a hyphen for the dash": SIGNED.replace("—", "-"),
    "two spaces": SIGNED.replace("— P", "—  P"),
    "no space": SIGNED.replace("— P", "—P"),
    "a tab": SIGNED.replace("— P", "—\tP"),
    "a space after": SIGNED[:-1] + " \n",
    "a carriage return": SIGNED.replace("\n", "\r\n"),
    "a control character in the text": "\x00" + SIGNED,
    "a plus in the name": SIGNED.replace("PeterNeumann", "Peter+Neumann"),
    "a wide space in the name": SIGNED.replace("PeterNeumann", "Peter\u2003Neumann"),
    "no name": SIGNED.replace("PeterNeumann", ""),
    "base64 without padding": SIGNED.replace("nAM=", "nAM"),
    "base64 in another spelling": SIGNED.replace("nAM=", "nAN="),
    "base64 with a dash": SIGNED.replace("x08go/", "x08go-"),
    "only a key id": TEXT + "\n— PeterNeumann x08gow==\n",
    "a line between signatures": SIGNED + "hello\n" + PETER,
    "a good signature, then a half line": SIGNED + "— Peter",
    "a good signature, then one without its mark": SIGNED + PETER[2:],
    "a good signature, then a plus in a name": SIGNED + PETER.replace("Peter", "Peter+"),
    "a good signature, then only a key id": SIGNED + "— x YWJjZA==\n",
    "a lone surrogate": "\ud800" + SIGNED,
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_note_is_refused(text):
    refuse(text)


def test_what_has_no_text_is_refused_before_anybody_verifies_it():
    with pytest.raises(note.NoteError):
        note.parse("x" + PETER)


def test_bytes_that_are_not_utf8_are_refused():
    refuse(b"\xff" + SIGNED.encode())
    refuse("è\n".encode("latin-1") + SIGNED.encode())


def test_signatures_are_capped():
    stranger = note.Signature("x", b"abcd", bytes(64)).encode()
    assert note.open_(SIGNED + stranger * 99, GO_VKEY).text == TEXT
    refuse(SIGNED + stranger * 100)
    refuse("a" * 1_000_000 + SIGNED)
    with pytest.raises(note.NoteError):
        note.sign(TEXT, KEY, others=[note.Signature(f"x{n}", b"abcd", bytes(64)) for n in range(100)])


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\x01b", "\u3000"])
def test_names_without_spaces_plus_or_controls_only(name):
    with pytest.raises(note.NoteError):
        note.generate(name)
    with pytest.raises(note.NoteError):
        note.sign(TEXT, note.SigningKey(name, bytes(32)))


@pytest.mark.parametrize("text", ["", "no newline", "\r\n", "a\tb\n", "\udc00\n"])
def test_only_clean_text_is_signed(text):
    with pytest.raises(note.NoteError):
        note.sign(text, KEY)


def test_nobody_signs_nothing():
    with pytest.raises(note.NoteError):
        note.sign(TEXT)


def test_every_piece_and_every_typo_of_a_vkey_is_refused():
    for low in range(len(GO_VKEY)):
        for high in range(low + 1, len(GO_VKEY) + 1):
            if (low, high) != (0, len(GO_VKEY)):
                with pytest.raises(note.NoteError):
                    note.parse_vkey(GO_VKEY[low:high])
    for at, char in enumerate(GO_VKEY):
        with pytest.raises(note.NoteError):
            note.parse_vkey(GO_VKEY[:at] + chr(ord(char) + 1) + GO_VKEY[at + 1 :])


@pytest.mark.parametrize(
    "vkey",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        GO_VKEY.replace("c74f20a3", "C74F20A3"),
        GO_VKEY + "\n",
        GO_SKEY,
    ],
)
def test_a_vkey_of_another_length_type_or_spelling_is_refused(vkey):
    with pytest.raises(note.NoteError):
        note.parse_vkey(vkey)


def test_every_typo_of_an_skey_is_refused():
    for at, char in enumerate(GO_SKEY):
        with pytest.raises(note.NoteError) as refusal:
            note.parse_skey(GO_SKEY[:at] + chr(ord(char) + 1) + GO_SKEY[at + 1 :])
        assert "AYEK" not in str(refusal.value)
    for text in (GO_VKEY, GO_SKEY.removeprefix(note.PRIVATE)):
        with pytest.raises(note.NoteError):
            note.parse_skey(text)


def test_a_generated_key_comes_back_from_its_text():
    key = note.generate("ebb.example/log/1")
    assert note.parse_skey(key.encode()) == key
    assert note.parse_vkey(key.verifier.encode()) == key.verifier
    assert note.open_(note.sign(TEXT, key), key.verifier).text == TEXT


def test_a_signing_key_does_not_show_its_seed():
    assert repr(KEY) == "SigningKey('PeterNeumann')"


def test_two_keys_of_one_name_and_id_are_refused(monkeypatch):
    real = KEY.verifier.key_id
    monkeypatch.setattr(note.VerifierKey, "key_id", property(lambda key: real))
    refuse(SIGNED, KEY.verifier, note.VerifierKey("PeterNeumann", bytes(32)))


@pytest.mark.parametrize("text", ["01", "-1", "+1", " 1", "1 ", "1_0", "٣", "", "9223372036854775808", "1" * 30])
def test_a_decimal_has_one_spelling(text):
    with pytest.raises(encoding.EncodingError):
        encoding.decode_decimal(text)


def test_the_largest_decimal_is_read():
    assert encoding.decode_decimal("9223372036854775807") == 2**63 - 1


def test_the_largest_note_has_a_million_characters():
    fits = note.sign("a" * (999_998 - len(PETER)) + "\n", KEY)
    assert len(fits) == 1_000_000
    assert note.open_(fits, GO_VKEY)
    refuse(note.sign("a" * (999_999 - len(PETER)) + "\n", KEY))


def test_a_key_of_a_name_that_no_note_carries_is_refused():
    for name in ("Peter Neumann", "Peter\u00a0Neumann"):
        with pytest.raises(note.NoteError):
            note.parse_vkey(note.VerifierKey(name, KEY.verifier.public).encode())


def test_the_shortest_signature_of_a_stranger_is_passed_over():
    assert note.open_(SIGNED + note.Signature("x", b"abcd", b"!").encode(), GO_VKEY).text == TEXT
