"""One HTTP request to a program outside, with the one distinction that matters: did any of it leave?

`http.client` because it opens, asks and reads in three steps: what fails while connecting never left (NotReached), what fails
after may have arrived (Unsure). Redirects are not followed: an answer that points elsewhere is an answer.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from portal.kernel import outside

ANSWER_LIMIT = 64 * 1024

_Address = tuple[int, Any]  # family, and what `connect` takes


class NotReached(Exception):
    """Nothing of the request left this house."""


class Inside(NotReached):
    """Its name stands for an address that must not be called from here."""


class Unsure(Exception):
    """It may have arrived."""


class TooLate(Unsure):
    """Its time was over before the answer was."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes  # no more than ANSWER_LIMIT is read of it

    @property
    def is_whole(self) -> bool:
        return len(self.body) < ANSWER_LIMIT


def anywhere(address: str) -> bool:
    """For what the operator's settings name, which may well be a machine next door."""
    return True


def outside_only(address: str) -> bool:
    """For what a customer's browser or a business named."""
    return outside.is_outside(address, settings.EBB_CALL_INSIDE)


def post(
    url: str, *, headers: Mapping[str, str], body: bytes, seconds: float, may_reach: Callable[[str], bool] = anywhere
) -> Reply:
    return _call("POST", url, headers, body, seconds, may_reach)


def get(url: str, *, headers: Mapping[str, str], seconds: float, may_reach: Callable[[str], bool]) -> Reply:
    return _call("GET", url, headers, None, seconds, may_reach)


def _call(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    seconds: float,
    may_reach: Callable[[str], bool],
) -> Reply:
    """Whoever lets a business or a customer choose the address passes `may_reach`: it is asked about *every* address that the
    host's name stands for, and the connection goes to one that was asked about, so that a name that changes its mind in between
    gains nothing. No proxy is asked, no redirect followed, and the certificate must be the host's own."""
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    host, port = str(parts.hostname), parts.port or (443 if is_tls else 80)
    connection: http.client.HTTPConnection = http.client.HTTPConnection(host, port)
    until = time.monotonic() + seconds  # one time for all of it: a name, a connection, an answer
    raw = _connect(_resolve(host, port, may_reach), until)
    try:
        with _deadline(raw, max(until - time.monotonic(), 0)) as is_over:
            if is_tls:
                context = ssl.create_default_context()
                connection = http.client.HTTPSConnection(host, port, context=context)
                raw = _dress(raw, context, host)
            connection.sock = raw
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            reply = _ask(connection, method, target, headers, body, is_over)
        if is_over.is_set():  # half an answer looks like a short one
            raise TooLate("TimeoutError")
        return reply
    finally:
        raw.close()
        connection.close()


def seconds(retry_after: str) -> int:
    """What a provider asked for, an hour at most; 0 where it named a date or nothing. Python reads no number of 4,301 digits."""
    return min(int(retry_after[:9]), 3600) if retry_after.isdecimal() else 0


def _resolve(host: str, port: int, may_reach: Callable[[str], bool]) -> list[_Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotReached(type(error).__name__) from None
    if not all(may_reach(str(address[0])) for *_, address in found):
        raise Inside("address_inside")
    return [(family, address) for family, _, _, _, address in found]


def _connect(addresses: list[_Address], until: float) -> socket.socket:
    """To the first that answers, all of them within the time that one has."""
    why = "TimeoutError"
    for family, address in addresses:
        left = until - time.monotonic()
        if left <= 0:
            break
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a family that this machine does not speak
            why = type(error).__name__
            continue
        sock.settimeout(left)
        try:
            sock.connect(address)
        except OSError as error:
            sock.close()
            why = type(error).__name__
        else:
            return sock
    raise NotReached(why)


def _dress(raw: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    try:
        return context.wrap_socket(raw, server_hostname=host)
    except OSError as error:  # ssl's are, too
        raise NotReached(type(error).__name__) from None


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, headers: Mapping[str, str], body: bytes | None,
    is_over: threading.Event,
) -> Reply:  # fmt: skip
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return Reply(
            answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read(ANSWER_LIMIT)
        )
    except (OSError, http.client.HTTPException) as error:
        raise (TooLate if is_over.is_set() else Unsure)(type(error).__name__) from None


@contextmanager
def _deadline(sock: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """A socket's time-out begins anew with each byte: one who drips would keep us for ever."""
    is_over = threading.Event()
    handle = sock.dup()  # the same connection, whatever TLS makes of the first
    timer = threading.Timer(seconds, _cut, (handle, is_over))
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()
        timer.join()
        handle.close()


def _cut(sock: socket.socket, is_over: threading.Event) -> None:
    is_over.set()
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:  # it was over already
        return
