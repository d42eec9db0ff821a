"""What the embedded PostgreSQL is told: when the cluster is made, and at each start."""

import os
from pathlib import Path

# The built-in locale is the same on every system, so that an upgrade of the host never reorders an index.
INITDB = [
    "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
    "--auth-local=peer", "--auth-host=reject", "--no-instructions",
]  # fmt: skip

SERVER = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",  # who may call is decided by the socket's folder and by `peer`
    "max_connections": "200",
    # A campaign's chunk and a migration touch many tables of many businesses in one transaction.
    "max_locks_per_transaction": "256",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "max_wal_size": "2GB",
    # A burst needs new files of the log. Who fills one with zeros makes every other commit wait, 40 to 100 ms (measured: a
    # neighbour's p99 beside a campaign 81 ms, without it 33; a send beside a disposal 15 ms, without it 9).
    "wal_init_zero": "off",
    "jit": "off",  # short statements only: compiling them costs more than it saves
    "timezone": "UTC",
    "log_timezone": "UTC",
    # No row, parameter or statement in the log: an error's DETAIL would quote the row that failed.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "%m [%p] ",
}


def server(socket_folder: Path, overrides: dict[str, str]) -> list[str]:
    chosen = SERVER | {"shared_buffers": shared_buffers(), "unix_socket_directories": str(socket_folder)} | overrides
    return [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]


def shared_buffers() -> str:
    """256 MB, or a sixteenth of the memory of a machine that has less than 4 GB."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{max(32, min(256, memory // 16 // 2**20))}MB"
