"""Keys that live for a month of a business, in its keyring: made durable before their first use.

disposal/<YYYY-MM>   outer wrap of every record whose retention ends in that month; `disposal/keep`: end unknown
index/<YYYY-MM>      hashes the words of what is written in that month
"""

from portal.kernel import keys
from portal.sealing import errors

DISPOSAL = "disposal/"
INDEX = "index/"


def disposal(bucket: str) -> bytes:
    return _create(DISPOSAL + bucket)


def index(month: str) -> bytes:
    return _create(INDEX + month)


def _create(name: str) -> bytes:
    try:
        return keys.business().create(name)
    except errors.SealingError as error:
        raise keys.unwritable(error) from error
