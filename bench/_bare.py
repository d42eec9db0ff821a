"""The limit: the same server library with nothing behind it. `python -m bench._bare PORT`, in the product's settings.

POST anything → a small JSON answer. A socket is accepted and listened to. GET /push?n=20&size=600 writes n ready-made
frames to every socket, one after the other.
"""

import sys
from typing import Any
from urllib.parse import parse_qs

from portal.launch import serve

ANSWER = b'{"id":"019a0000-0000-7000-8000-000000000000","state":"sent","entry":{"index":1}}'
_sockets: set[Any] = set()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await _socket(receive, send)
    elif scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        if scope["path"] == "/push":
            await _push(parse_qs(scope["query_string"].decode()))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": ANSWER})


async def _socket(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    _sockets.add(send)
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        _sockets.discard(send)


async def _push(query: dict[str, list[str]]) -> None:
    text = "x" * int(query["size"][0])
    for _ in range(int(query["n"][0])):
        for send in list(_sockets):
            await send({"type": "websocket.send", "text": text})


if __name__ == "__main__":
    serve.web(application, int(sys.argv[1]))
