"""The two spellings that every text format of the ledger shares: strict base64 and plain decimals.

Both are strict so that one value has one spelling: what a mutant could spell differently, a verifier could miss.
"""

import base64
import binascii
import re

from archive.ledger import LedgerError

DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
LARGEST = 2**63 - 1


class EncodingError(LedgerError):
    """Text that is not the one spelling of a value."""


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 §4)."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str) -> bytes:
    """The bytes of standard base64 in its only canonical spelling; else EncodingError."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise EncodingError("not base64") from error
    if encode_base64(data) != text:
        raise EncodingError("not canonical base64")
    return data


def decode_hash(text: str) -> bytes:
    """A SHA-256 hash, 32 bytes, from base64; else EncodingError."""
    data = decode_base64(text)
    if len(data) != 32:
        raise EncodingError("a hash is not 32 bytes long")
    return data


def decode_decimal(text: str) -> int:
    """An integer of 0 to 2^63-1 in ASCII decimals without leading zeroes; else EncodingError."""
    if not DECIMAL.fullmatch(text):
        raise EncodingError("not a plain decimal")
    value = int(text)
    if value > LARGEST:
        raise EncodingError("a decimal is too large")
    return value
