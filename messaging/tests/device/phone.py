"""A customer's browser, as far as the server can see it: a key, a cookie, requests and a socket."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from channels.routing import URLRouter
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from django.db import connections
from django.http import HttpResponse
from django.test import Client

from messaging.sockets import routes

COOKIE = "__Host-ebb-device"
APP: Callable[..., Awaitable[None]] = URLRouter(routes.websocket_urlpatterns)


async def aside(fn: Callable[..., Any], *args: object, **kwargs: object) -> Any:
    """Run what blocks in a thread, which leaves no connection behind."""

    def run() -> Any:
        try:
            return fn(*args, **kwargs)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Phone:
    def __init__(self, host: str = "acme.localhost") -> None:
        self.host = host
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.client = Client(HTTP_HOST=host, REMOTE_ADDR=f"10.0.0.{id(self) % 250}")
        self.id = ""

    @property
    def jwk(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        x, y = (base64url(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    @property
    def cookie(self) -> str:
        return self.client.cookies[COOKIE].value if COOKIE in self.client.cookies else ""

    def sign(self, *lines: str) -> str:
        r, s = utils.decode_dss_signature(self.key.sign("\n".join(lines).encode(), ec.ECDSA(hashes.SHA256())))
        return base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def post(self, path: str, body: object, **headers: str) -> HttpResponse:
        return self.client.post(path, json.dumps(body), content_type="application/json", headers=headers)

    def enrol(self, secret: str, kind: str = "token", **changed: object) -> HttpResponse:
        body = {
            kind: secret,
            "public_key": self.jwk,
            "name": "Test",
            "proof": self.sign("ebb/v1/enrol", self.host, secret),
        }
        answer = self.post("/inbox/enrol", {**body, **changed})
        if answer.status_code == 201:
            self.id = answer.json()["device"]
        return answer

    def nonce(self) -> str:
        return str(self.client.get("/inbox/nonce").json()["nonce"])

    def proof(self, nonce: str, method: str, path: str, body: bytes = b"") -> str:
        digest = hashlib.sha256(body).hexdigest()
        return f"{nonce}.{self.sign('ebb/v1/http', self.host, self.id, nonce, method, path, digest)}"

    def ask(self, method: str, path: str, body: object = None) -> HttpResponse:
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {"Ebb-Proof": self.proof(self.nonce(), method, path, raw)}
        return self.client.generic(method, path, raw, content_type="application/json", headers=headers)

    def emptied(self, wipe: str, device: str = "") -> str:
        return self.sign("ebb/v1/wiped", self.host, device or self.id, wipe)

    async def connect(self, **changed: str) -> "Wire":
        """A socket that was accepted; proves nothing yet."""
        wire = Wire()
        await wire.open(self.host, self.cookie, **changed)
        return wire

    async def online(self) -> tuple["Wire", dict[str, Any]]:
        """A proved socket and its state."""
        wire = await self.connect()
        challenge = await wire.frame()
        assert challenge["type"] == "challenge"
        await wire.say(type="prove", signature=self.sign("ebb/v1/socket", self.host, self.id, challenge["nonce"]))
        state = await wire.frame()
        return wire, state


SECONDS = 30  # until it is said that nothing came
OPEN: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly: a socket that no test keeps would close


class Wire:
    """The client's end of a socket. `event()` gives what the server did: a frame, or {"close": code}."""

    def __init__(self) -> None:
        self.inward: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outward: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.task: asyncio.Task[None] | None = None

    async def open(self, host: str, cookie: str, origin: str | None = None) -> None:
        headers = [(b"host", host.encode()), (b"cookie", f"{COOKIE}={cookie}".encode())]
        if origin != "":
            headers.append((b"origin", (origin or f"https://{host}").encode()))
        self.serve("/inbox/socket", headers)

    def serve(self, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        scope = {"type": "websocket", "path": path, "headers": headers, "subprotocols": []}
        self.inward.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.ensure_future(APP(scope, self.inward.get, self.outward.put))
        OPEN.add(self.task)
        self.task.add_done_callback(OPEN.discard)

    async def event(self) -> dict[str, Any]:
        while True:
            told = await asyncio.wait_for(self.outward.get(), SECONDS)
            if told["type"] == "websocket.close":
                return {"close": told["code"]}
            if told["type"] == "websocket.send":
                return dict(json.loads(told["text"]))

    async def frame(self) -> dict[str, Any]:
        found = await self.event()
        assert "close" not in found, found
        return found

    async def until(self, kind: str) -> dict[str, Any]:
        """The next frame of a kind; others pass by."""
        while True:
            found = await self.event()
            if found.get("type") == kind or kind in found:
                return found

    async def say(self, **frame: object) -> None:
        await self.raw(json.dumps(frame))

    async def raw(self, text: str) -> None:
        await self.inward.put({"type": "websocket.receive", "text": text})

    async def hang_up(self) -> None:
        self.inward.put_nowait({"type": "websocket.disconnect", "code": 1001})
        if self.task is not None:
            await asyncio.wait_for(self.task, 5)
