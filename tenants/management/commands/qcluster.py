"""django-q2's own command, with two differences: a cluster dies as a whole, and the one for bulk work gives way.

Its workers wait for tasks in a queue that one of them holds a lock of while it waits. One that is killed there (by the system, for
its memory) takes the lock with it; the others wait for it for ever, and a new one joins them: a cluster that lives and does nothing
(its issues 23 and 339). So where a part of it was killed all of it goes, and whoever started it starts it again. What its jobs were
about stands in rows, which the clock looks at.
"""

import errno
import logging
import os
import signal
from pathlib import Path
from typing import Any

import psutil
from django.db.backends.signals import connection_created
from django_q import cluster
from django_q.management.commands.qcluster import Command as Own

log = logging.getLogger("ebb.worker")
GIVES_WAY = 10  # of 19: a campaign takes what web, clock and urgent jobs leave


def _let_the_server_give_way(connection: Any, **_: Any) -> None:
    """Half of a campaign's work is done by PostgreSQL's process at the other end: where that is one of this machine, and ours to
    tell, it gives way, too."""
    info = connection.connection.info
    if not info.host.startswith("/"):
        return
    try:
        server = psutil.Process(info.backend_pid)
        if server.name().startswith("postgres"):
            server.nice(GIVES_WAY)
            _let_the_group_give_way(info.backend_pid)
    except psutil.Error:
        return  # behind a wall of this machine, or another user's


def _let_the_group_give_way(leader: int) -> None:
    """Where Linux shares the processor out among sessions first (sched(7), the autogroup feature), a nice value counts only within
    one. PostgreSQL's processes are sessions of their own, and so are those that our supervisor starts; others are left alone."""
    try:
        if os.getsid(leader) == leader:
            Path(f"/proc/{leader}/autogroup").write_text(str(GIVES_WAY))
    except OSError as error:
        log.info("no group to give way", extra={"code": errno.errorcode.get(error.errno or 0, "unknown")})


class Sentinel(cluster.Sentinel):  # type: ignore[misc]
    def reincarnate(self, process: Any) -> None:
        if process.exitcode is not None and process.exitcode < 0:
            log.error("a part of a cluster was killed: all of it goes, to be started anew")
            _kill(self.parent_pid)
        super().reincarnate(process)


def _kill(main: int) -> None:
    """The cluster's main process and all that came of it, this one too. By their ids: the group may be somebody else's."""
    try:
        parts = psutil.Process(main).children(recursive=True)
    except psutil.NoSuchProcess:
        parts = []
    for pid in [main, *(one.pid for one in parts if one.pid != os.getpid()), os.getpid()]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


class Command(Own):  # type: ignore[misc]
    def handle(self, *args: Any, **options: Any) -> None:
        cluster.Sentinel = Sentinel
        if os.environ.get("Q_CLUSTER_NAME") == "bulk":
            os.nice(GIVES_WAY)
            _let_the_group_give_way(os.getpid())
            connection_created.connect(_let_the_server_give_way)
        super().handle(*args, **options)
