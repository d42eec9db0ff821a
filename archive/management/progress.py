"""What commands that take long show: done, of how much, how fast; on a terminal in one line, else a line every ten seconds."""

import time
from pathlib import Path

from django.core.management.base import CommandError, OutputWrapper

MEGABYTE = 1 << 20


class Bar:
    def __init__(self, out: OutputWrapper) -> None:
        self._out, self._step = out, ""
        self._began = self._told = 0.0

    def tell(self, step: str, done: int, of: int) -> None:
        now = time.monotonic()
        if step != self._step:
            self.end()
            self._step, self._began, self._told = step, now, 0.0
        if now - self._told < (0.2 if self._out.isatty() else 10):
            return
        self._told = now
        rate = done / max(now - self._began, 0.001) / MEGABYTE
        self._write(f"{step}: {size(done)} of about {size(max(of, done))}, {rate:.0f} MB/s")

    def end(self) -> None:
        if self._step and self._out.isatty():
            self._out.write("")
        self._step = ""

    def _write(self, line: str) -> None:
        if self._out.isatty():
            self._out.write(f"\r\033[K{line}", ending="")
            self._out.flush()
        else:
            self._out.write(line)


def size(count: int) -> str:
    for unit, bytes_ in (("GB", 1 << 30), ("MB", MEGABYTE), ("KB", 1 << 10)):
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return f"{count} bytes"


def reserve(file: Path) -> None:
    """Made before anything else is: a place that cannot be written is found before there are keys to lose."""
    try:
        file.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise CommandError(f"{file} exists. Name a new file.") from None
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}. Nothing was made.") from error
