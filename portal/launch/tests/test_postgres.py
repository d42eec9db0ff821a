"""Starting, finding, killing and restarting the embedded PostgreSQL."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from portal.launch import postgres as module
from portal.launch import service_user
from portal.launch.environment import PROJECT
from portal.launch.postgres import ADMIN, EmbeddedPostgres
from portal.launch.problem import LaunchError


def show(url: str, setting: str) -> str:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT current_setting(%s)", [setting]).fetchone()[0]


def kill(server: EmbeddedPostgres) -> None:
    process = psutil.Process(server.pid)
    process.kill()
    server._process.wait(10)


def test_a_start_from_nothing_gives_a_database_and_keeps_it(postgres):
    url = postgres.start()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    postgres.stop()
    assert not postgres.is_running()
    assert not list(postgres.cluster.glob("postmaster.pid"))
    with psycopg.connect(postgres.start()) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_the_server_promises_what_the_archive_rests_on(postgres):
    url = postgres.start()
    wanted = {
        "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on",
        "listen_addresses": "", "max_locks_per_transaction": "256", "max_connections": "200",
        "log_min_error_statement": "panic", "log_parameter_max_length_on_error": "0", "TimeZone": "UTC",
    }  # fmt: skip
    assert {name: show(url, name) for name in wanted} == wanted


def test_a_second_start_finds_the_running_server(postgres):
    url = postgres.start()
    other = EmbeddedPostgres(postgres.data)
    assert other.start() == url
    assert other.pid == postgres.pid


def test_after_kill_9_it_starts_again_in_the_same_place_and_nothing_committed_is_lost(postgres):
    url = postgres.start()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    kill(postgres)
    assert not postgres.is_running()
    assert postgres.start() == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_lock_file_with_the_number_of_somebody_elses_process_is_no_obstacle(postgres):
    postgres.start()
    kill(postgres)
    lock = postgres.cluster / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert postgres.start()
    assert postgres.is_running()


def test_an_interrupted_initdb_is_done_again(postgres):
    for name in ("postgres", "postgres.making"):
        (postgres.data / name).mkdir(parents=True)
        (postgres.data / name / "half").write_text("made")
    postgres.data.chmod(0o711)
    assert show(postgres.start(), "server_version_num") >= "180000"


def test_a_damaged_cluster_is_never_replaced_by_an_empty_one(postgres):
    postgres.start()
    postgres.stop()
    (postgres.cluster / "PG_VERSION").unlink()
    with pytest.raises(LaunchError, match="damaged"):
        postgres.start()
    assert (postgres.cluster / "global" / "pg_control").exists()


def test_a_failed_row_is_not_quoted_in_the_log(postgres):
    canary = "canary-of-more-than-24-bytes"
    with psycopg.connect(postgres.start(), autocommit=True) as connection:
        connection.execute("CREATE TABLE strict (word text PRIMARY KEY CHECK (length(word) < 40))")
        connection.execute("INSERT INTO strict VALUES (%s)", [canary])
        for word, error in ((canary, psycopg.errors.UniqueViolation), (canary * 2, psycopg.errors.CheckViolation)):
            with pytest.raises(error):
                connection.execute("INSERT INTO strict VALUES (%s)", [word])
    log = postgres.log.read_text()
    assert "violates" in log
    assert canary not in log


def test_the_product_is_no_superuser_and_root_is_not_the_server(postgres):
    url = postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
    with psycopg.connect(postgres.url("postgres", ADMIN)) as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (True,)
    assert psutil.Process(postgres.pid).uids().effective != 0
    assert stat.S_IMODE(postgres.cluster.stat().st_mode) == 0o700
    assert stat.S_IMODE(postgres.socket_folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_written_is_one_sentence():
    with pytest.raises(LaunchError, match="cannot be written"):
        EmbeddedPostgres(Path("/proc/self/ebb")).start()


def test_a_full_disk_is_one_sentence(postgres, monkeypatch):
    monkeypatch.setattr(module, "NEEDED_SPACE", 10**18)
    with pytest.raises(LaunchError, match="MB are free"):
        postgres.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_root_loosens_no_folder_and_moves_the_cluster_where_it_can_be_reached(folder):
    private = folder / "private"
    private.mkdir(mode=0o700)
    server = EmbeddedPostgres(private / "data")
    try:
        assert show(server.start(), "fsync") == "on"
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert server.cluster.is_relative_to(service_user.ELSEWHERE)
        server.stop()
        server = EmbeddedPostgres(private / "data")
        assert show(server.start(), "fsync") == "on"
    finally:
        server.destroy()
    assert not server.cluster.is_relative_to(service_user.ELSEWHERE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_binaries_out_of_reach_are_copied_and_work(folder, postgres, monkeypatch):
    server_sees = service_user.ServiceUser.can_enter
    wheel = module.binaries() / "bin"
    monkeypatch.setattr(
        service_user.ServiceUser, "can_enter", lambda user, path: path != wheel and server_sees(user, path)
    )
    postgres.start()
    running = psutil.Process(postgres.pid).exe()
    assert running.startswith(str(postgres.data / "binaries"))


def test_a_killed_starter_takes_its_server_along(postgres):
    script = (
        "import sys, time; from pathlib import Path; from portal.launch.postgres import EmbeddedPostgres\n"
        "s = EmbeddedPostgres(Path(sys.argv[1])); s.start(); print(s.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, postgres.data], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT
    ) as starter:
        server = psutil.Process(int(starter.stdout.readline()))
        starter.send_signal(signal.SIGKILL)
    assert psutil.wait_procs([server], timeout=20)[1] == []
