"""HTTP/1.1 and WebSocket bytes as a lean client writes and reads them: the client must not be what limits."""

import base64
import json
import os
import struct

_TEXT, _CLOSE = 0x81, 0x88


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def handshake(host: str, path: str, cookie: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return request("GET", path, {
        "Host": host, "Origin": f"http://{host}", "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13", "Cookie": f"__Host-ebb-device={cookie}",
    })  # fmt: skip


def frame(**fields: object) -> bytes:
    """A client's text frame under a mask of zeros: valid, and costs nothing to apply."""
    text = json.dumps(fields).encode()
    size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack(">H", len(text))
    return bytes([_TEXT]) + size + b"\0\0\0\0" + text


class Frames:
    """Takes bytes of a socket, gives back whole text frames; raises when the server closes."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        data = self.rest + data if self.rest else data
        found, at = [], 0
        while (bounds := _bounds(data, at)) is not None:
            start, stop = bounds
            if data[at] == _CLOSE:
                raise ConnectionError(f"the server closed with {data[start:stop]!r}")
            if data[at] == _TEXT:
                found.append(data[start:stop])
            at = stop
        self.rest = data[at:]
        return found


def _bounds(data: bytes, at: int) -> tuple[int, int] | None:
    """Start and end of the payload of the frame at `at`; None until it is there whole."""
    if len(data) - at < 2:
        return None
    size, start = data[at + 1] & 127, at + 2
    if size >= 126:
        width = 2 if size == 126 else 8
        if len(data) < start + width:
            return None
        size, start = int.from_bytes(data[start : start + width], "big"), start + width
    return (start, start + size) if len(data) >= start + size else None


class Answers:
    """Takes bytes of a connection, gives back whole answers as (status, body)."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        data = self.rest + data if self.rest else data
        found = []
        while (head := data.find(b"\r\n\r\n")) >= 0:
            stop = head + 4 + _length(data[:head])
            if len(data) < stop:
                break
            found.append((int(data[9:12]), data[head + 4 : stop]))
            data = data[stop:]
        self.rest = data
        return found


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    if at < 0:
        raise ConnectionError("an answer without a length")
    return int(head[at + 15 :].split(b"\r\n", 1)[0])
