"""A whole demo, from the first line to Ctrl-C, with a web process that only answers 200 and a seed that is a file."""

import os
import signal
import socket
import subprocess
import sys

import psutil
import psycopg
import pytest

from portal.launch.environment import PROJECT
from portal.launch.postgres import EmbeddedPostgres

STAND_IN = """
import http.server, json, os, sys
from pathlib import Path
from portal.launch import demo
from portal.launch.supervisor import Child

WEB = "import http.server, sys\\n" \
      "class Ready(http.server.BaseHTTPRequestHandler):\\n" \
      "    def do_GET(self): self.send_response(200); self.end_headers()\\n" \
      "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Ready).serve_forever()"
DEMO = {"businesses": [{"archive_passphrase": "p", "customers": [{"name": "n", "enrolment_url": "c"}], "staff": []}]}

def manage(env, *args):
    print("manage", args[0], flush=True)
    if args[0] == "demo_seed":
        Path(env["EBB_KEYRING"]).parent.joinpath("demo.json").write_text(json.dumps(DEMO))

demo.manage = manage
demo.children = lambda place, env: [Child("web", [sys.executable, "-c", WEB, str(place.port)], env)]
sys.exit(demo.run(data=Path(sys.argv[1]), port=int(sys.argv[2]), customers=1))
"""


class Demo:
    def __init__(self, data, port):
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-c", STAND_IN, str(data), str(port)], cwd=PROJECT, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip

    def read_until(self, words: str) -> list[str]:
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if words in line:
                return lines
        pytest.fail(f"never said {words!r}: {lines}")

    def family(self) -> list[psutil.Process]:
        whole = psutil.Process(self.process.pid)
        return [whole, *whole.children(recursive=True)]


@pytest.fixture
def start(folder):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    demos = []

    def start() -> Demo:
        demos.append(Demo(folder / "demo", port))
        return demos[-1]

    yield start
    for demo in demos:
        demo.process.kill()
        demo.process.wait()
        demo.process.stdout.close()
    EmbeddedPostgres(folder / "demo").destroy()


def gone(processes) -> bool:
    return psutil.wait_procs(processes, timeout=30)[1] == []


def test_a_demo_comes_up_and_goes_without_a_trace_and_a_second_start_keeps_the_data(start):
    demo = start()
    demo.read_until("five steps")
    family = demo.family()
    assert any(process.name().startswith("postgres") for process in family)
    demo.process.send_signal(signal.SIGINT)
    demo.read_until("Everything is kept")
    assert demo.process.wait(30) == 0
    assert gone(family)
    again = start()
    assert "manage migrate_all\n" in again.read_until("five steps")
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(30) == 0


def test_a_killed_demo_leaves_nobody_and_the_next_start_goes_on(start):
    demo = start()
    demo.read_until("five steps")
    family = demo.family()
    demo.process.kill()
    demo.process.wait()
    assert gone(family)
    start().read_until("five steps")


def test_a_killed_database_is_started_again_where_the_children_look_for_it(start):
    demo = start()
    demo.read_until("five steps")
    postgres = EmbeddedPostgres(demo.data)
    url = postgres.start()
    psutil.Process(postgres.pid).kill()
    demo.read_until("PostgreSQL ended; starting it again.")
    assert postgres.start() == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
