"""A keyring of its own for each test."""

import pytest

from portal.sealing.keyring.ring import Keyring

MASTER = bytes(range(32))


@pytest.fixture
def root(tmp_path):
    return tmp_path / "ring"


@pytest.fixture
def ring(root):
    return Keyring(root, MASTER)
