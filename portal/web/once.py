"""Idempotency-Key, for the API of apps below the one that keeps the answers. Whoever keeps them registers at start; without
it an act simply runs."""

from collections.abc import Callable
from typing import Any

from portal.kernel.actors import Actor

Act = Callable[[], Any]
Once = Callable[[Any, Actor, Act], Any]


def _run(request: Any, actor: Actor, act: Act) -> Any:
    return act()


_once: Once = _run


def register(once: Once) -> None:
    global _once
    _once = once


def answer_once(request: Any, actor: Actor, act: Act) -> Any:
    """Run `act`, or give the answer it gave before to the same key and body."""
    return _once(request, actor, act)
