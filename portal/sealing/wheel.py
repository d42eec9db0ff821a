"""The key wheel: a bucket IS its end instant, in whole Unix seconds. Pure; keys themselves live in `keyring.live`.

All messages that end at a bucket's instant share one random bucket key, whatever granularity rounded them there. When
the instant is over the key is destroyed, and one small write makes all of them unreadable (I2).
"""

import math

from portal.sealing import aead

MINUTE, HOUR, DAY = 60, 3600, 86400
QUARTER = 15 * MINUTE

# (longest life, granularity), both in seconds. The promise of I2: a bucket ends at most this long after `gone_at`.
GRANULARITIES = ((DAY, MINUTE), (7 * DAY, QUARTER), (31 * DAY, HOUR))
COARSEST = DAY

# No commit may use a bucket this close to its end: its key could die between the sealing and the commit.
GUARD_SECONDS = 5

LIVE_LABEL = b"ebb/v1/live/"


def granularity(life: float) -> int:
    """Seconds to which the end of a life of `life` seconds is rounded up."""
    return next((step for longest, step in GRANULARITIES if life <= longest), COARSEST)


def bucket_end(now: float, gone_at: float) -> int:
    """The bucket of a message: `gone_at` rounded up. 0 <= bucket - gone_at < granularity(gone_at - now).

    Whole seconds first, then integers only: exact without an argument about the rounding of floats.
    """
    step = granularity(gone_at - now)
    return -(-math.ceil(gone_at) // step) * step


def is_over(bucket: int, now: float) -> bool:
    """A bucket is over at its instant, not after it: everything in it is gone by then."""
    return now >= bucket


def is_about_to_end(bucket: int, now: float) -> bool:
    """Too late to seal into? Commits check this again at the last moment."""
    return is_over(bucket, now + GUARD_SECONDS)


def wheel_key(bucket_key: bytes, business_key: bytes, bucket: int) -> bytes:
    """HKDF-SHA256 (RFC 5869): ikm = bucket key, salt = business key, info = "ebb/v1/live/<bucket>". 32 bytes.

    About 4 µs: derive it once a chunk, not once a message.
    """
    return aead.derive(bucket_key, LIVE_LABEL + str(bucket).encode(), salt=business_key)
