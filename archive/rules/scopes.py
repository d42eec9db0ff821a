"""What a retention rule can be about. Whoever defines categories of messages registers them at start. Pure."""

import re
from collections.abc import Callable, Mapping

KINDS = {"message.sent": "sent messages", "message.received": "messages that customers wrote"}
PURPOSES = {"service": "service", "marketing": "marketing"}
_KEY = re.compile(r"[A-Za-z0-9_-]{1,40}")

Categories = Callable[[], Mapping[str, str]]  # key → name


def _none() -> Mapping[str, str]:
    return {}


_categories: Categories = _none


def register_categories(known: Categories) -> None:
    global _categories
    _categories = known


def categories() -> Mapping[str, str]:
    return _categories()


def is_key(text: str) -> bool:
    """A category's key is a code: it stands in leaves."""
    return _KEY.fullmatch(text) is not None
