"""A second machine: another PostgreSQL, another keyring folder, another master key. What a backup is brought to."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.launch.postgres import EmbeddedPostgres
from portal.testing.installation import Installation, build_env, free_port


@contextmanager
def machine(like: Installation) -> Iterator[Installation]:
    """Empty: no table, no key, no process. Knows the businesses of `like`, and their people's keys."""
    folder = Path(tempfile.mkdtemp(prefix="ebb-elsewhere-"))
    folder.chmod(0o711)
    postgres, port = EmbeddedPostgres(folder / "data", settings={"fsync": "off"}), free_port()
    try:
        env = build_env(folder, port, postgres.start(), like.sink.port)
        made = Installation(port, folder, env, postgres=postgres, sink=like.sink, businesses=dict(like.businesses))
        yield made
    finally:
        if "made" in locals():
            made.stop()
        postgres.destroy()
        shutil.rmtree(folder, ignore_errors=True)
