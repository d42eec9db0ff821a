"""One HTTP request to a provider, with the one distinction that matters: did any of it leave?

`http.client` because it opens, asks and reads in three steps: what fails while connecting never left (NotReached), what fails
after may have arrived (Unsure). Redirects are not followed: an answer that points elsewhere is an answer.
"""

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

ANSWER_LIMIT = 64 * 1024


class NotReached(Exception):
    """Nothing of the request left this house."""


class Unsure(Exception):
    """It may have arrived."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


def post(url: str, *, headers: Mapping[str, str], body: bytes, seconds: float) -> Reply:
    """The address comes from the operator's settings or lies at a host of theirs, never anywhere that a business or a
    customer chose."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=seconds)
    try:
        try:
            connection.connect()
        except OSError as error:
            raise NotReached(type(error).__name__) from None
        with _deadline(connection.sock, seconds) as is_over:
            reply = _ask(connection, parts.path + (f"?{parts.query}" if parts.query else ""), headers, body)
        if is_over.is_set():  # half an answer looks like a short one
            raise Unsure("TimeoutError")
        return reply
    finally:
        connection.close()


def seconds(retry_after: str) -> int:
    """What a provider asked for, an hour at most; 0 where it named a date or nothing."""
    return min(int(retry_after), 3600) if retry_after.isdecimal() else 0


def _ask(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    try:
        connection.request("POST", path or "/", body, dict(headers))
        answer = connection.getresponse()
        return Reply(
            answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read(ANSWER_LIMIT)
        )
    except (OSError, http.client.HTTPException) as error:
        raise Unsure(type(error).__name__) from None


@contextmanager
def _deadline(sock: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """A socket's time-out begins anew with each byte: one who drips would keep us for ever."""
    is_over = threading.Event()
    timer = threading.Timer(seconds, _cut, (sock, is_over))
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()


def _cut(sock: socket.socket, is_over: threading.Event) -> None:
    is_over.set()
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:  # it was over already
        return
