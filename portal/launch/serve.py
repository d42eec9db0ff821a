"""`./run serve web|worker|clock`: one process of a real installation, configured by the environment alone."""

import os
import sys
from typing import Any

from portal.kernel import turns
from portal.launch import environment
from portal.launch.problem import LaunchError
from portal.launch.supervisor import Child, Supervisor

QUEUES = ("urgent", "bulk", "notices", "hooks")
FRAME_LIMIT = 64 * 1024  # the contract's largest frame; one byte more is closed with 1009


def run(process: str, queue: str | None = None) -> int:
    """Become that process. Without a queue's name, `worker` runs and watches one cluster for each queue."""
    os.environ["EBB_PROCESS"] = process
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    if process == "web":
        return web()
    if process == "worker" and queue is None:
        return all_workers()
    manage_and_become(worker_command() if process == "worker" else clock_command(), queue)
    return 1  # pragma: no cover - exec does not come back


def web(application: Any = "portal.asgi:application", port: int | None = None) -> int:
    """The benchmarks serve a bare `application` with the very same settings, to know what the server itself costs."""
    import uvicorn

    turns.shorten()  # threads send while the loop pushes
    uvicorn.run(
        application,
        host=os.environ.get("EBB_WEB_HOST", "127.0.0.1"),
        port=number("EBB_WEB_PORT", 8000) if port is None else port,
        lifespan="off",
        loop="auto",
        http="auto",
        ws="websockets-sansio",
        ws_max_size=FRAME_LIMIT,
        ws_ping_interval=None,  # the hub asks quiet sockets for a word; a timer a socket costs memory
        ws_per_message_deflate=False,  # 32 KiB of window a socket, and compressed secrets leak by their length
        timeout_graceful_shutdown=number("EBB_WEB_DRAIN", 10),
        proxy_headers=True,
        forwarded_allow_ips=os.environ.get("EBB_PROXIES", "127.0.0.1"),
        server_header=False,
        # URLs hold ids and one-time tokens: no access log, and uvicorn tells of each socket at INFO with its URL.
        access_log=False,
        log_level="warning",
        log_config=None,  # its own would print exceptions with their words; ours lets none through (`portal.web.logs`)
    )
    return 0


def all_workers() -> int:
    supervisor = Supervisor([worker(queue, dict(os.environ)) for queue in QUEUES], say=tell)
    supervisor.listen_to_signals()
    supervisor.start()
    try:
        supervisor.run()
    finally:
        supervisor.stop()
    return 0


def worker(queue: str, env: dict[str, str]) -> Child:
    return Child(
        f"worker-{queue}", worker_command(),
        environment.for_process(env, "worker") | {"Q_CLUSTER_NAME": queue}, cwd=environment.PROJECT,
    )  # fmt: skip


def worker_command() -> list[str]:
    return manage("qcluster")


def clock_command() -> list[str]:
    return manage("clock")


def manage(*args: str) -> list[str]:
    return [sys.executable, str(environment.PROJECT / "manage.py"), *args]


def manage_and_become(command: list[str], queue: str | None = None) -> None:
    if queue is not None:
        os.environ["Q_CLUSTER_NAME"] = queue
    os.execv(command[0], command)  # noqa: S606 - our own interpreter, with words from this file


def number(name: str, default: int) -> int:
    raw = os.environ.get(name, str(default))
    if not raw.isdigit():
        raise LaunchError(f"{name} is {raw!r}; it must be a whole number.")
    return int(raw)


def tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
