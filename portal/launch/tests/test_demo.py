"""What stops a demo says so in one sentence; what it makes is ours alone."""

import socket
import stat

import pytest

from portal.launch import __main__ as command
from portal.launch import bench, demo, environment, welcome
from portal.launch.environment import Place
from portal.launch.problem import LaunchError


@pytest.fixture
def busy_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_taken_port_is_one_sentence_and_status_1(tmp_path, busy_port, capsys):
    assert command.main(["demo", "--data", str(tmp_path), "--port", str(busy_port)]) == 1
    said = capsys.readouterr().err
    assert said == f"ebb: Port {busy_port} is taken by another program; choose another with --port.\n"


def test_a_read_only_folder_is_one_sentence_and_status_1(capsys):
    assert command.main(["demo", "--data", "/proc/self/ebb", "--port", str(free_port())]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_two_demos_on_one_folder_is_one_sentence(tmp_path):
    refused = pytest.raises(LaunchError, match="already; stop it")
    with demo.one_at_a_time(tmp_path), refused, demo.one_at_a_time(tmp_path):
        pytest.fail("a second demo was let in")
    with demo.one_at_a_time(tmp_path):
        assert (tmp_path / "demo.lock").exists()


@pytest.mark.parametrize(
    "argv",
    [[], ["dance"], ["demo", "--port", "0"], ["demo", "--port", "99999"], ["demo", "--customers", "-3"], ["serve"]],
)
def test_a_wrong_word_is_explained(argv, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(argv)
    assert stopped.value.code == 2
    assert "usage: ./run" in capsys.readouterr().err


def test_an_unknown_benchmark_is_one_sentence(capsys):
    assert command.main(["bench", "nonsense"]) == 1
    assert "There is no benchmark 'nonsense'" in capsys.readouterr().err


def test_only_a_worker_takes_a_queue(capsys):
    assert command.main(["serve", "web", "bulk"]) == 1
    assert "takes no queue" in capsys.readouterr().err


def test_keys_are_made_once_and_for_us_alone(tmp_path):
    path = environment.secret_file(tmp_path / "master.key")
    first = path.read_text()
    assert environment.secret_file(path).read_text() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_half_written_key_stops_the_start(tmp_path):
    (tmp_path / "master.key").write_text("half")
    with pytest.raises(LaunchError, match="damaged"):
        environment.secret_file(tmp_path / "master.key")


def test_the_children_inherit_no_database_and_no_key_of_the_shell(tmp_path, monkeypatch):
    monkeypatch.setenv("PGHOST", "production")
    monkeypatch.setenv("EBB_MASTER_KEY", "of a real installation")
    built = environment.build(Place(tmp_path, 8000), "postgresql://ebb@/ebb?host=/here")
    assert "PGHOST" not in built
    assert "EBB_MASTER_KEY" not in built
    assert built["EBB_DEMO"] == "1"
    assert stat.S_IMODE((tmp_path / "keyring").stat().st_mode) == 0o700


def test_the_first_screen_names_three_links_and_says_that_it_is_a_demo(tmp_path):
    business = {
        "archive_passphrase": "four quiet words",
        "customers": [{"name": "Ada Abel", "enrolment_url": "http://acme.localhost:8000/c"}],
        "staff": [
            {"role": "admin", "link": "http://acme.localhost:8000/admin"},
            {"role": "author", "link": "http://acme.localhost:8000/a"},
            {"role": "officer", "link": "http://acme.localhost:8000/o"},
        ],
    }
    screen = welcome.screen(Place(tmp_path, 8000), {"businesses": [business]})
    for part in (
        "DEMO",
        "Firefox",
        "localhost:8000/c",
        "localhost:8000/a\n",
        "localhost:8000/o",
        "four quiet words",
        "(Ada Abel",
        "http://localhost:8000/ ",
    ):
        assert part in screen


def test_every_benchmark_has_a_main():
    for name in bench.names():
        assert "def main(" in (bench.FOLDER / f"{name}.py").read_text(encoding="utf-8")
