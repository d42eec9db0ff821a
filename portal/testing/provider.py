"""A provider of text messages, or a browser's push service, that a test owns: takes, refuses, is slow, hangs up or drips as told,
and shows what it got."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs


@dataclass
class Got:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)  # type: ignore[no-any-return]

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass
class Provider:
    """`mood` is what the next request meets: "takes", "sleeps" (until the mood changes), "hangs_up" (reads all, says nothing),
    "drips" (a byte now and then), "refuses". `status` and `answer` are what is said then."""

    mood: str = "takes"
    status: int = 503
    answer: dict[str, object] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    gone: set[str] = field(default_factory=set)  # paths that it does not know any more
    got: list[Got] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def be(self, mood: str, status: int = 503, **answer: object) -> None:
        with self.changed:
            self.mood, self.status, self.answer = mood, status, answer
            self.changed.notify_all()

    def wait_for(self, count: int, seconds: float = 20) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: len(self.got) >= count, seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    provider: Provider

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers hang up on us as we do on them."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        provider = self.server.provider
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with provider.changed:
            provider.got.append(Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            provider.changed.notify_all()
            number = len(provider.got)
            if provider.mood == "sleeps":
                provider.changed.wait_for(lambda: provider.mood != "sleeps", 60)
        if self.path in provider.gone:
            self._say(410, {})
        elif provider.mood == "hangs_up":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif provider.mood == "drips":
            self._drip()
        elif provider.mood == "refuses":
            self._say(provider.status, provider.answer)
        else:
            self._say(201, {"id": f"p-{number}", "sid": f"SM{number:032x}"})

    def _say(self, status: int, answer: dict[str, object]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {**self.server.provider.headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while self.server.provider.mood == "drips":
            self.wfile.write(b".")
            with self.server.provider.changed:
                self.server.provider.changed.wait(0.02)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextmanager
def sms_provider() -> Iterator[Provider]:
    with _served(_Server(("127.0.0.1", 0), _Handler)) as made:
        yield made


@contextmanager
def push_service(certificate: Path) -> Iterator[Provider]:
    """By https, as `localhost`. `certificate` is a file with key and certificate, which whoever calls it has to trust."""
    server = _Server(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with _served(server) as made:
        yield made


@contextmanager
def _served(server: _Server) -> Iterator[Provider]:
    server.provider = provider = Provider(port=server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        provider.be("takes")
        server.shutdown()
        server.server_close()
