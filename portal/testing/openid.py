"""A sign-in provider that a test owns: honest unless told otherwise, by https as `localhost`. It signs with keys of its own and
checks what an honest one checks (the client's secret, the code once, PKCE), so that what it lets pass was asked for rightly."""

import base64
import hashlib
import json
import secrets
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import Key, RSAKey

from portal.kernel import clock

CLIENT, SECRET = "ebb-client", "s3cret/with:signs"
CONFIGURATION = "/.well-known/openid-configuration"


@cache
def honest_key() -> Key:
    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})


@dataclass
class Openid:
    """`says` replaces or (None) removes members of an answer, by its path; `claims` does so with those of the id token. `instead`
    gives whole answers: status and body; `sleeps` makes a path wait until it is cleared."""

    port: int = 0
    key: Key = field(default_factory=honest_key)
    algorithm: str = "RS256"
    header: dict[str, Any] = field(default_factory=dict)
    says: dict[str, dict[str, Any]] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    person: dict[str, Any] = field(
        default_factory=dict
    )  # what userinfo says, where the token says nothing of an address
    forge: Any = None  # (header, claims) -> an id token of another make
    instead: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    sleeps: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    codes: dict[str, tuple[dict[str, str], dict[str, Any]]] = field(default_factory=dict)
    awake: threading.Event = field(default_factory=threading.Event)

    @property
    def issuer(self) -> str:
        return f"https://localhost:{self.port}"

    def vouch(self, location: str, **claims: Any) -> dict[str, str]:
        """Somebody signs in there, sent by `location`. → what their browser brings back"""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked, claims
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    def answer(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path in self.sleeps:
            self.awake.wait(30)
        if path in self.instead:
            return self.instead[path]
        status, told = getattr(self, "_" + path.rpartition("/")[2].replace("-", "_"))(form, authorization)
        told |= self.says.get(path, {})
        return status, json.dumps({name: value for name, value in told.items() if value is not None}).encode()

    def _openid_configuration(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        return 200, {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/auth", "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks", "userinfo_endpoint": f"{self.issuer}/me",
            "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }  # fmt: skip

    def _jwks(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        return 200, {"keys": [self.key.as_dict(private=False)]}

    def _me(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        return (200, dict(self.person)) if authorization == "Bearer access" else (401, {})

    def _token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        pair = base64.b64encode(f"{CLIENT}:s3cret%2Fwith%3Asigns".encode()).decode()
        if authorization != f"Basic {pair}":
            return 401, {"error": "invalid_client"}
        asked, given = self.codes.pop(form.get("code", ""), ({}, {}))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if not asked or challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "access", "token_type": "Bearer", "id_token": self._id_token(asked, given)}

    def _id_token(self, asked: dict[str, str], given: dict[str, Any]) -> str:
        now = int(clock.now().timestamp())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"], "auth_time": now,
            **given, **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid, **self.header}
        return str(self.forge(header, claims) if self.forge else jwt.encode(header, claims, self.key, [self.algorithm]))


def compact(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """A token by hand: what no library signs any more."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    openid: Openid

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers hang up on us."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._say({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self._say({name: values[0] for name, values in parse_qs(body).items()})

    def _say(self, form: dict[str, str]) -> None:
        status, body = self.server.openid.answer(self.path, form, self.headers.get("Authorization", ""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextmanager
def provider(certificate: Path) -> Iterator[Openid]:
    """`certificate` is a file with key and certificate, which whoever calls it has to trust."""
    server = _Server(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.openid = made = Openid(port=server.server_address[1])
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield made
    finally:
        made.awake.set()
        server.shutdown()
        server.server_close()
