"""Typed settings from the environment. A wrong or missing value stops the start with a sentence that says what to do."""

import base64
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
_REQUIRED = object()


@dataclass(frozen=True)
class Setting:
    """One variable of the environment, as `docs/settings.md` lists it."""

    name: str
    kind: str
    default: str
    about: str


REGISTRY: dict[str, Setting] = {}


def _read(name: str, kind: str, default: object, about: str) -> str | None:
    shown = "required" if default is _REQUIRED else str(default)
    REGISTRY[name] = Setting(name, kind, shown, about)
    raw = os.environ.get(name)
    if raw is None and kind == "secret" and (path := os.environ.get(f"{name}_FILE")):
        raw = _read_file(name, path)
    if raw is None and default is _REQUIRED:
        also = f" or {name}_FILE" if kind == "secret" else ""
        raise ImproperlyConfigured(f"{name} is not set. Set {name}{also}: {about}")
    return raw


def _read_file(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read ({error.strerror}).") from error


def text(name: str, default: object = _REQUIRED, *, about: str) -> str:
    raw = _read(name, "text", default, about)
    return str(default) if raw is None else raw


def secret(name: str, default: object = _REQUIRED, *, about: str) -> str:
    """A secret: also read from the file that `<NAME>_FILE` names, so that it need not stand in the environment."""
    raw = _read(name, "secret", default if default is _REQUIRED else "", about)
    return str(default) if raw is None else raw


def secret_key(name: str, default: object = _REQUIRED, *, about: str) -> bytes:
    """32 bytes, base64 in the environment or in the file that `<NAME>_FILE` names. One that may be missing is then empty."""
    raw = secret(name, default, about=about)
    if not raw and default is not _REQUIRED:
        return b""
    try:
        key = base64.b64decode(raw, validate=True)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is not base64.") from error
    if len(key) != 32:
        raise ImproperlyConfigured(f"{name} must be 32 bytes in base64; it holds {len(key)}.")
    return key


def flag(name: str, default: bool, *, about: str) -> bool:
    raw = _read(name, "flag", default, about)
    if raw is None:
        return default
    if raw.lower() not in {"0", "1", "true", "false", "yes", "no"}:
        raise ImproperlyConfigured(f"{name} is {raw!r}; use 1 or 0.")
    return raw.lower() in {"1", "true", "yes"}


def number(name: str, default: int, *, about: str) -> int:
    raw = _read(name, "number", default, about)
    if raw is None:
        return default
    try:
        return int(raw)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {raw!r}; it must be a whole number.") from error


def choice(name: str, known: tuple[str, ...], *, about: str) -> str:
    """One of a few words; the first is the default."""
    raw = _read(name, "choice", known[0], about)
    if raw is not None and raw not in known:
        raise ImproperlyConfigured(f"{name} is {raw!r}; use {', '.join(word or 'nothing' for word in known)}.")
    return known[0] if raw is None else raw


def names(name: str, default: str, *, about: str) -> list[str]:
    raw = _read(name, "list", default, about)
    return [part.strip() for part in (default if raw is None else raw).split(",") if part.strip()]


def networks(name: str, *, about: str) -> list[str]:
    """Ranges of addresses (CIDR), separated by commas; none by default."""
    found = names(name, "", about=about)
    for one in found:
        try:
            ipaddress.ip_network(one)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name} has {one!r}; write ranges like 10.1.0.0/16, separated by commas."
            ) from error
    return found


def database(name: str, *, about: str) -> dict[str, object]:
    """`postgresql://user:password@host:port/name?option=value` → Django's settings; `?host=/folder` is a socket."""
    parts = urlsplit(secret(name, about=about))
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"{name} must begin with postgresql:// .")
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return {
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or (parts.hostname or ""),
        "PORT": options.pop("port", "") or (str(parts.port) if parts.port else ""),
        "OPTIONS": options,
    }
