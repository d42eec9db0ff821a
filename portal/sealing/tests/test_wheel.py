"""A bucket's end: never before `gone_at`, never later than I2 promises."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.sealing import wheel
from portal.sealing.tests.test_aead import hkdf

NOW = 1_800_000_000
DAY = 86400

# I2, written down a second time on purpose: the longest life and the latest end.
PROMISE = [(DAY, 60), (7 * DAY, 900), (31 * DAY, 3600), (float("inf"), 86400)]


def promised(life: float) -> int:
    return next(step for longest, step in PROMISE if life <= longest)


@given(
    now=st.floats(min_value=1_700_000_000, max_value=2_500_000_000),
    life=st.one_of(
        st.floats(min_value=0, max_value=400 * DAY),
        st.integers(min_value=0, max_value=400 * DAY),
        st.sampled_from([60, 900, 3600, DAY, 7 * DAY, 31 * DAY]).flatmap(lambda at: st.floats(at - 1e-3, at + 1e-3)),
    ),
)
def test_a_bucket_ends_within_its_promise(now, life):
    gone_at = now + life
    end = wheel.bucket_end(now, gone_at)
    step = promised(gone_at - now)
    assert type(end) is int
    assert end % step == 0
    assert 0 <= Fraction(end) - Fraction(gone_at) < step


@given(bucket=st.integers(min_value=30_000_000, max_value=40_000_000), step=st.sampled_from([60, 900, 3600, 86400]))
def test_an_exact_boundary_is_its_own_bucket(bucket, step):
    gone_at = bucket * step
    life = {60: 1, 900: DAY + 1, 3600: 7 * DAY + 1, 86400: 31 * DAY + 1}[step]
    assert wheel.bucket_end(gone_at - life, gone_at) == gone_at
    assert wheel.bucket_end(gone_at - life, float(gone_at)) == gone_at


@pytest.mark.parametrize(
    ("life", "step"),
    [(DAY, 60), (DAY + 0.001, 900), (7 * DAY, 900), (7 * DAY + 0.001, 3600), (31 * DAY, 3600), (31 * DAY + 1, 86400)],
)
def test_the_granularity_changes_exactly_at_its_boundary(life, step):
    assert wheel.granularity(life) == step


def test_a_fraction_of_a_second_rounds_up():
    boundary = NOW - NOW % 60
    assert wheel.bucket_end(boundary - 10, boundary + 2.4e-7) == boundary + 60


def test_a_bucket_is_over_at_its_instant():
    assert not wheel.is_over(NOW, NOW - 0.001)
    assert wheel.is_over(NOW, NOW)


def test_the_guard_refuses_the_last_seconds():
    assert not wheel.is_about_to_end(NOW, NOW - wheel.GUARD_SECONDS - 0.001)
    assert wheel.is_about_to_end(NOW, NOW - wheel.GUARD_SECONDS)
    assert wheel.GUARD_SECONDS >= 2


def test_the_wheel_key_is_hkdf_of_bucket_and_business():
    bucket_key, business_key = bytes(range(32)), bytes(range(32, 64))
    key = wheel.wheel_key(bucket_key, business_key, NOW)
    assert key == hkdf(bucket_key, salt=business_key, info=b"ebb/v1/live/1800000000")
    assert key.hex() == "29c138797007f25d75aebecbc9b4a9cb6f5b6fc0c95f6c414789487280292e7e"
