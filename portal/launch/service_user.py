"""Who the embedded PostgreSQL runs as, and where its files can stand.

PostgreSQL refuses to run as root. Started by an ordinary user it simply runs as that user. Started by root it runs as
a system user that exists for nothing else and that can read neither the keys nor the keyring. Three things are never
done: a folder that is not ours is never opened to the world, the keys are never given to that user, and a data folder
is never handed over as a whole. If that user cannot reach the data folder (a home of mode 0700, say), the cluster
stands in `/var/lib/ebb` instead, and the file `postgres.location` in the data folder says where.
"""

import os
import pwd
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from portal.launch.problem import LaunchError

NAME = "ebb-pg"
ELSEWHERE = Path("/var/lib/ebb")
LOCATION = "postgres.location"


@dataclass(frozen=True)
class ServiceUser:
    """`uid` is None where we are not root: then everything simply runs as whoever we are."""

    name: str
    uid: int | None = None
    gid: int | None = None

    def popen_arguments(self) -> dict[str, object]:
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Asked by really trying: only the kernel knows about access lists and mounts."""
        if self.uid is None:
            return os.access(folder, os.X_OK)
        done = subprocess.run(
            ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)], cwd="/", capture_output=True, check=False,
            user=self.uid, group=self.gid, extra_groups=[],
        )  # fmt: skip
        return done.returncode == 0


def choose(cluster: Path) -> ServiceUser:
    """Whoever owns the cluster already, else ourselves, else the system user of its own."""
    owner = cluster.stat().st_uid if cluster.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise LaunchError(
                f"The database in {cluster} belongs to another user; start as that user, or choose another --data."
            )
        return ServiceUser(own_name())
    return _named(pwd.getpwuid(owner)) if owner else _named(_system_user())


def own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise LaunchError(
            f"User id {os.geteuid()} has no name on this system, and PostgreSQL needs one; start as a named user."
        ) from error


def _named(entry: pwd.struct_passwd) -> ServiceUser:
    return ServiceUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _system_user() -> pwd.struct_passwd:
    for attempt in (lambda: None, _add_system_user):
        attempt()
        try:
            return pwd.getpwnam(NAME)
        except KeyError:
            continue
    try:
        return pwd.getpwnam("nobody")
    except KeyError as error:
        raise LaunchError(
            f"PostgreSQL does not run as root, and no system user {NAME} could be made; "
            f"make one (useradd --system {NAME}) or start as an ordinary user."
        ) from error


def _add_system_user() -> None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return
    subprocess.run(
        [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
         "--shell", "/usr/sbin/nologin", NAME],
        capture_output=True, check=False,
    )  # fmt: skip


def home_of_cluster(data: Path) -> Path:
    """The folder that holds the cluster: the data folder, or the place elsewhere that was noted in it."""
    note = data / LOCATION
    return Path(note.read_text(encoding="utf-8").strip()) if note.exists() else data


def settle(data: Path, user: ServiceUser) -> Path:
    """A folder where `user` can reach a cluster; decided once for a data folder and noted in it."""
    home = home_of_cluster(data)
    if user.can_enter(home):
        return home
    if home != data:
        raise LaunchError(f"The database of {data} stands in {home} (see {LOCATION}), which {user.name} cannot enter.")
    return _move_out(data)


def _move_out(data: Path) -> Path:
    # A random name, not one made from the path: a new data folder must never find an older one's cluster.
    home = ELSEWHERE / secrets.token_hex(8)
    try:
        home.mkdir(mode=0o711, parents=True)
        ELSEWHERE.chmod(0o711)
        home.chmod(0o711)
        (data / LOCATION).write_text(f"{home}\n", encoding="utf-8")
    except OSError as error:
        raise LaunchError(
            f"PostgreSQL's user cannot enter {data}, and {home} cannot be made ({error.strerror}); "
            "choose a --data folder that every user may pass through."
        ) from error
    return home


def reachable_binaries(source: Path, home: Path, user: ServiceUser) -> Path:
    """The wheel's binaries, or a copy beside the cluster where that user cannot enter the checkout (a 0700 home)."""
    if user.can_enter(source / "bin"):
        return source
    package = source.parent
    copy = home / "binaries"
    target = copy / package.name / source.name
    if not (target / "bin" / "postgres").exists():
        shutil.rmtree(copy, ignore_errors=True)
        partial = home / "binaries.making"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source, partial / package.name / source.name, ignore=shutil.ignore_patterns("include"))
        # The libraries stand beside the package, and the binaries find them by that relative place.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name)
        _open_to_readers(partial)
        partial.rename(copy)
    return target


def _open_to_readers(root: Path) -> None:
    """A copy of public binaries, in a folder of our own: whatever umask made it, everyone may read and run it."""
    for path in [root, *root.rglob("*")]:
        executable = path.is_dir() or bool(path.stat().st_mode & 0o100)
        path.chmod(0o755 if executable else 0o644)
