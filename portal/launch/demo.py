"""`./run demo`: everything on one machine, from nothing to three links, until Ctrl-C."""

import contextlib
import errno
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from portal.launch import environment, leash, serve, welcome
from portal.launch.environment import Place
from portal.launch.postgres import EmbeddedPostgres
from portal.launch.problem import LaunchError
from portal.launch.supervisor import Child, Supervisor

READY_SECONDS = 120


def say(message: str) -> None:
    print(message, flush=True)


def run(*, data: Path, port: int, customers: int) -> int:
    place = Place(data.resolve(), port)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    make_folder(place.data)
    with one_at_a_time(place.data):
        check_port(port)
        try:
            _run(place, customers)
        except KeyboardInterrupt:
            say("\nInterrupted while starting; a next start goes on from here.")
            return 130
    return 0


def _run(place: Place, customers: int) -> None:
    postgres = EmbeddedPostgres(place.data, say=say)
    say(f"Starting PostgreSQL in {place.data} …")
    try:
        env = environment.build(place, postgres.start())
        prepare(place, env, customers)
        serve_until_stopped(place, env, postgres)
    finally:
        _ignore_further_signals()
        postgres.stop()


def prepare(place: Place, env: dict[str, str], customers: int) -> None:
    """Bring the tables up to date, then the seed; both do nothing that is done already."""
    say("Bringing the tables up to date …")
    manage(env, "migrate_all")
    manage(env, "demo_seed", "--customers", str(customers), "--data", str(place.data), "--url", place.url)


def manage(env: dict[str, str], *args: str) -> None:
    done = subprocess.run(
        serve.manage(*args), env=environment.for_process(env, "setup"), cwd=environment.PROJECT, check=False,
        start_new_session=True, preexec_fn=leash.die_with_parent(signal.SIGTERM),
    )  # fmt: skip
    if done.returncode:
        raise LaunchError(f"`manage.py {args[0]}` failed; what it said stands above.")


def serve_until_stopped(place: Place, env: dict[str, str], postgres: EmbeddedPostgres) -> None:
    supervisor = Supervisor(children(place, env), say=say)
    supervisor.listen_to_signals()
    say("Starting web, workers and clock …")
    watch = Watch(place, postgres)
    try:
        supervisor.start()
        supervisor.run(watch.tick)
    finally:
        _ignore_further_signals()
        say("\nStopping …")
        supervisor.stop()
    say("Stopped. Everything is kept; `./run demo` goes on with it.")


def children(place: Place, env: dict[str, str]) -> list[Child]:
    run_serve = [sys.executable, "-m", "portal.launch", "serve"]
    plain = [
        Child("web", [*run_serve, "web"], environment.for_process(env, "web")),
        *(serve.worker(queue, env) for queue in serve.QUEUES),
        Child("clock", serve.clock_command(), environment.for_process(env, "clock")),
    ]
    for child in plain:
        child.cwd = environment.PROJECT
        child.log = place.data / "log" / f"{child.name}.log"
    return plain


class Watch:
    """Between the supervisor's ticks: shows the first screen once all is ready, and brings back a killed database."""

    def __init__(self, place: Place, postgres: EmbeddedPostgres) -> None:
        self.place = place
        self.postgres = postgres
        self.announced = False
        self.give_up_at = time.monotonic() + READY_SECONDS

    def tick(self) -> None:
        if not self.postgres.is_running():
            self._restart_postgres()
        if not self.announced:
            self._announce_when_ready()

    def _restart_postgres(self) -> None:
        say("PostgreSQL ended; starting it again.")
        self.postgres.start()  # in the same socket folder, so that the children find it again

    def _announce_when_ready(self) -> None:
        status, body = ask(self.place, "/readyz")
        if status == 200:
            self.announced = True
            say(welcome.screen(self.place, json.loads((self.place.data / "demo.json").read_text(encoding="utf-8"))))
        elif time.monotonic() > self.give_up_at:
            raise LaunchError(
                f"Not ready after {READY_SECONDS} s; see {self.place.data / 'log'}. "
                f"Last answer: {status or 'none'} {body}"
            )


def ask(place: Place, path: str) -> tuple[int, str]:
    """Status and the beginning of the body; 0 while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": place.host})
        response = connection.getresponse()
        return response.status, response.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def make_folder(data: Path) -> None:
    try:
        if not data.exists():
            data.mkdir(parents=True)
            data.chmod(0o711)  # PostgreSQL's user passes through; nobody but us lists or reads
        probe = data / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise LaunchError(
            f"The data folder {data} cannot be written ({error.strerror}); choose another with --data."
        ) from error


@contextlib.contextmanager
def one_at_a_time(data: Path) -> Iterator[None]:
    """The kernel lets go of the lock when its holder dies, however it dies."""
    with (data / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LaunchError(
                f"A demo runs in {data} already; stop it, or choose another folder with --data."
            ) from error
        yield


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            why = (
                "is taken by another program"
                if error.errno == errno.EADDRINUSE
                else f"cannot be used ({error.strerror})"
            )
            raise LaunchError(f"Port {port} {why}; choose another with --port.") from error


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _ignore_further_signals() -> None:
    """Stopping takes some seconds; an impatient second Ctrl-C must not leave half of it running."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def default_data() -> Path:
    return Path(os.environ.get("EBB_DATA", environment.PROJECT / "var" / "demo"))
