"""Keyed hashes to find sealed things by. Nothing is normalised here: callers fold case, trim and stem.

    index = HMAC-SHA256(HKDF-SHA256(business key, info = "ebb/v1/blind/<label>"), value)[:16]
    word  = HMAC-SHA256(index key, "ebb/v1/word/" || word)[:8]  as a signed 64-bit integer, big endian

Equal values give equal hashes: whoever reads the database learns which rows are equal and how often, not what they say.
"""

import hmac
from collections.abc import Iterable
from functools import lru_cache

from portal.sealing import aead

INDEX_BYTES = 16
INDEX_LABEL = b"ebb/v1/blind/"
WORD_LABEL = b"ebb/v1/word/"


def index(business_key: bytes, label: str, value: str) -> bytes:
    """16 bytes for an equality look-up. `label` keeps a phone number from matching a reference."""
    return hmac.digest(_subkey(business_key, label), value.encode(), "sha256")[:INDEX_BYTES]


def words(index_key: bytes, words: Iterable[str]) -> list[int]:
    """Sorted, unique, signed 64-bit integers, as a `bigint[]` under a GIN index takes them."""
    return WordIndex(index_key).hash(words)


class WordIndex(dict[str, int]):
    """`words` for many texts in a row: remembers what it hashed, since a campaign says the same words again and again.

    It holds plain words in memory: make one for a chunk and drop it with the chunk.
    """

    def __init__(self, index_key: bytes) -> None:
        super().__init__()
        self._index_key = index_key

    def hash(self, words: Iterable[str]) -> list[int]:
        """As `words`: about 2 µs for a new word, 0.1 µs for a known one."""
        return sorted({self[word] for word in words})

    def __missing__(self, word: str) -> int:
        digest = hmac.digest(self._index_key, WORD_LABEL + word.encode(), "sha256")
        self[word] = hashed = int.from_bytes(digest[:8], "big", signed=True)
        return hashed


@lru_cache(maxsize=1024)
def _subkey(business_key: bytes, label: str) -> bytes:
    return aead.derive(business_key, INDEX_LABEL + label.encode())
