"""A mail server that a test owns: takes, refuses or dawdles as told, and shows what it got."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message

from aiosmtpd.controller import Controller


@dataclass
class Sink:
    """`mood` is what the next mail meets: "takes", "refuses" or "sleeps" (until the mood changes)."""

    mood: str = "takes"
    port: int = 0
    got: list[tuple[str, bytes]] = field(default_factory=list)
    tried: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    async def handle_DATA(self, server, session, envelope) -> str:  # type: ignore[no-untyped-def] # noqa: N802 - aiosmtpd's name
        with self._changed:
            self.tried += 1
            self._changed.notify_all()
        while self.mood == "sleeps":  # noqa: ASYNC110 - the mood is set by another thread
            await asyncio.sleep(0.05)
        if self.mood == "refuses":
            return "451 come back later"
        with self._changed:
            self.got += [(to, envelope.content) for to in envelope.rcpt_tos]
            self._changed.notify_all()
        return "250 taken"

    def wait_tried(self, count: int, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.tried >= count, seconds)

    def wait_for(self, to: str, seconds: float) -> bytes | None:
        """The newest mail to an address, waiting for it."""
        with self._changed:
            self._changed.wait_for(lambda: any(one == to for one, _ in self.got), seconds)
            return next((raw for one, raw in reversed(self.got) if one == to), None)


class _AnyPort(Controller):
    """Binds whatever port is free and knows it before it greets itself."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server() -> Iterator[Sink]:
    sink = Sink()
    controller = _AnyPort(sink, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        sink.port = controller.port
        yield sink
    finally:
        sink.mood = "takes"
        controller.stop(no_assert=True)


def text_of(raw: bytes) -> str:
    """Headers and every decoded part, as a person or a provider would read them."""
    mail = message_from_bytes(raw)
    parts = [str(part.get_payload(decode=True) or b"", "utf-8", "replace") for part in _leaves(mail)]
    return "\n".join([f"{name}: {value}" for name, value in mail.items()] + parts)


def _leaves(mail: Message) -> list[Message]:
    return [part for part in mail.walk() if not part.is_multipart()]
