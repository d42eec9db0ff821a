"""What `./run` calls once the environment of Python stands: `python -m portal.launch demo|bench|serve|checks`."""

import argparse
import sys
from pathlib import Path

from portal.launch import bench, checks, demo, scratch, serve
from portal.launch.problem import LaunchError


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="./run", description="Ebb: messages ebb away; the record stays.")
    commands = root.add_subparsers(dest="command", required=True, metavar="demo|bench|serve|checks")
    _add_demo(commands.add_parser("demo", help="everything on this machine, with made-up customers"))
    _add_bench(commands.add_parser("bench", help="the benchmarks, each against a limit taken in the same run"))
    _add_serve(commands.add_parser("serve", help="one process of a real installation, configured by environment"))
    commands.add_parser("checks", help="style, types, templates, migrations")
    _add_scratch(
        commands.add_parser("scratch", help="one command of manage.py on a PostgreSQL that is gone afterwards")
    )
    return root


def _add_demo(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", type=port, default=8000, help="port on 127.0.0.1 (default 8000)")
    command.add_argument("--data", type=Path, default=demo.default_data(), help="folder of its data (default var/demo)")
    command.add_argument("--customers", type=positive, default=200, help="how many customers to make up (default 200)")


def _add_bench(command: argparse.ArgumentParser) -> None:
    command.add_argument("names", nargs="*", metavar="name", help="which ones (default all)")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")


def _add_serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("process", choices=("web", "worker", "clock"))
    command.add_argument("queue", nargs="?", choices=serve.QUEUES, help="worker: only this queue (default all)")


def _add_scratch(command: argparse.ArgumentParser) -> None:
    command.add_argument("words", nargs=argparse.REMAINDER, help="the command and its arguments")


def port(text: str) -> int:
    value = positive(text)
    if value > 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port (1 to 65535)")
    return value


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


def dispatch(chosen: argparse.Namespace) -> int:
    if chosen.command == "demo":
        return demo.run(data=chosen.data, port=chosen.port, customers=chosen.customers)
    if chosen.command == "bench":
        return bench.run(chosen.names, chosen.json)
    if chosen.command == "checks":
        return checks.run()
    if chosen.command == "scratch":
        return scratch.run(chosen.words)
    if chosen.queue and chosen.process != "worker":
        raise LaunchError(f"`serve {chosen.process}` takes no queue; only `serve worker` does.")
    return serve.run(chosen.process, chosen.queue)


def main(argv: list[str] | None = None) -> int:
    chosen = parser().parse_args(argv)
    try:
        return dispatch(chosen)
    except LaunchError as error:
        print(f"ebb: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
