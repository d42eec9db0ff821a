"""How long a thread keeps Python's one turn while others wait for it."""

import sys

SECONDS = 0.0005


def shorten() -> None:
    """For processes whose threads answer each other or have to be on time: with Python's 5 ms, whoever comes back from the
    database waits that long at every statement while another thread computes."""
    sys.setswitchinterval(SECONDS)
