"""The suite's own image: the interpreter and the packages of the environment that it is installed in."""

from __future__ import annotations

import importlib.util
import marshal
import re
import shutil
import struct
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points
from itertools import chain
from pathlib import Path

from ccm_scenarios import __version__, oci
from ccm_scenarios.errors import EnvironmentProblem, UsageError
from ccm_scenarios.oci import Entry, Image
from providers import ENTRY_POINT_GROUP

NAME = f"localhost/ccm-scenarios:{__version__}"
"""What the image is called when nobody says."""
USER = 65532
WORK = "work"
"""Where it starts: the user's home, and where reports go."""
_SUITE = "ccm-scenarios"
_PYTHON = "usr/local"
_ENVIRONMENT = "opt/ccm-scenarios"
_LEFT_OUT = {
    "__pycache__",
    "_tkinter",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "site-packages",
    "test",
    "tkinter",
    "turtledemo",
}
"""Of what is in the standard library's directory: what no run needs, or what is no part of it."""
_COMMAND = f"""\
#!/{_ENVIRONMENT}/bin/python
import sys
from ccm_scenarios.cli import main
sys.exit(main())
"""
_ACCOUNTS = {
    "etc/group": f"root:x:0:\nccm-scenarios:x:{USER}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    "etc/passwd": f"root:x:0:0::/:/bin/sh\nccm-scenarios:x:{USER}:{USER}::/{WORK}:/bin/sh\n",
}


def build(archive: Path, *, name: str = NAME, packages: Sequence[str] = ()) -> None:
    """Write an archive with the image: Python, the suite, all adapters that are installed, what they require, a shell.

    Args:
        archive: the file.
        name: with registry and tag, as engines and Kubernetes call it.
        packages: further ones, as `NAME` or `NAME[EXTRA]`.

    Raises:
        UsageError: a package is not installed, or not in a way that tells which files it has.
        EnvironmentProblem: this is not Linux, a tool is missing, or the file cannot be written.
    """
    if sys.platform != "linux":
        raise EnvironmentProblem(f"an image for Linux is made of what runs on Linux, and this is {sys.platform}")
    for tool in ("sh", "ldd"):
        if shutil.which(tool) is None:
            raise EnvironmentProblem(f"{tool} is missing: an image has a shell, and the libraries that ldd names")
    adapters = [entry.dist.name for entry in entry_points(group=ENTRY_POINT_GROUP) if entry.dist is not None]
    found = distributions([_SUITE, *adapters, *packages])
    installed = {place: path for each in found for place, path in _files_of(each)}
    partial = archive.with_name(f"{archive.name}.partial")
    try:
        layer = oci.pack(_entries(installed), archive.parent)
        image = Image(
            name,
            layer,
            entrypoint=[_SUITE],
            environment={
                "HOME": f"/{WORK}",
                "LANG": "C.UTF-8",
                "PATH": f"/{_ENVIRONMENT}/bin:/{_PYTHON}/bin:/bin",
            },
            user=f"{USER}:{USER}",
            directory=f"/{WORK}",
        )
        oci.write(partial, [image])
        partial.replace(archive)
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {archive}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def distributions(wanted: Sequence[str]) -> list[Distribution]:
    """Packages and all that they require, as far as it is installed: what is not is for other machines.

    Args:
        wanted: as `NAME` or `NAME[EXTRA,…]`.

    Raises:
        UsageError: one of these is not installed.
    """
    found: dict[str, Distribution] = {}
    done: set[tuple[str, str]] = set()

    def add(requirement: str) -> bool:
        name, extras = _parsed(requirement)
        try:
            one = found.setdefault(name, distribution(name))
        except PackageNotFoundError:
            return False
        for extra in ("", *extras):
            if (name, extra) not in done:
                done.add((name, extra))
                for required in one.requires or ():
                    if extra in _extras_that_need(required):
                        add(required)
        return True

    for each in wanted:
        if not add(each):
            raise UsageError(f"{each} is not installed here: the image has what is")
    return list(found.values())


def _parsed(requirement: str) -> tuple[str, list[str]]:
    """Name and extras of `name[extra] >=1 ; marker`."""
    matched = re.match(r"\s*([\w.-]+)\s*(?:\[([^]]*)\])?", requirement)
    if matched is None:
        raise UsageError(f"{requirement!r} names no package; give NAME or NAME[EXTRA]")
    extras = [extra.strip() for extra in (matched[2] or "").split(",")]
    return re.sub(r"[-_.]+", "-", matched[1]).lower(), [extra for extra in extras if extra]


def _extras_that_need(requirement: str) -> list[str]:
    """Extras that a requirement belongs to; the empty one if it belongs to none."""
    return re.findall(r"""extra\s*==\s*['"]([^'"]+)['"]""", requirement) or [""]


def _files_of(package: Distribution) -> Iterator[tuple[str, Path]]:
    """Place in the environment's packages, and file."""
    name = package.name
    if '"editable": true' in (package.read_text("direct_url.json") or ""):
        raise UsageError(f"{name} is installed editable, its files are elsewhere: install it without --editable")
    if package.files is None:
        raise UsageError(f"{name} is installed without a list of its files: install it with pip")
    for file in package.files:
        path = Path(str(file.locate()))
        # Commands lie outside of the packages; the one that is needed is written anew.
        if ".." not in file.parts and "__pycache__" not in file.parts and path.is_file():
            yield file.as_posix(), path


def _entries(installed: dict[str, Path]) -> Iterator[tuple[str, Entry]]:
    base = Path(sys.base_prefix)
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    shell = Path(str(shutil.which("sh"))).resolve()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = Path(sysconfig.get_path("stdlib"))
    packages = f"{_ENVIRONMENT}/lib/{version}/site-packages"
    standard = {f"{_PYTHON}/{path.relative_to(base)}": path for path in _standard(library)}
    modules = standard | {f"{packages}/{place}": path for place, path in sorted(installed.items())}
    yield "tmp", Entry(mode=0o1777, directory=True)
    yield WORK, Entry(mode=0o1777, directory=True)
    for place, text in _ACCOUNTS.items():
        yield place, Entry(text.encode(), 0o644)
    yield "bin/sh", Entry(shell.read_bytes())
    yield f"{_PYTHON}/bin/{version}", Entry(interpreter.read_bytes())
    yield f"{_PYTHON}/bin/python3", Entry(link=version)
    yield f"{_ENVIRONMENT}/pyvenv.cfg", Entry(f"home = /{_PYTHON}/bin\n".encode(), 0o644)
    yield f"{_ENVIRONMENT}/bin/python", Entry(link=f"/{_PYTHON}/bin/{version}")
    yield f"{_ENVIRONMENT}/bin/{_SUITE}", Entry(_COMMAND.encode())
    binaries = [path for path in modules.values() if ".so" in path.suffixes]
    for place, path in _libraries([interpreter, shell, *binaries]).items():
        if path not in binaries:  # it is found beside the package that brings it along
            yield place, Entry(path.read_bytes())
    yield from chain.from_iterable(_module(place, path) for place, path in modules.items())


def _standard(library: Path) -> Iterator[Path]:
    for path in sorted(library.rglob("*")):
        inside = path.relative_to(library)
        names = {part.partition(".")[0] for part in inside.parts}
        if names.isdisjoint(_LEFT_OUT) and path.suffix not in (".a", ".o") and path.is_file():
            yield path


def _libraries(binaries: Sequence[Path]) -> dict[str, Path]:
    """Place in the image, and file."""
    found = oci.libraries(binaries)
    base = Path(sys.base_prefix)
    # An interpreter's own, which is not where it was: where the loader looks by itself.
    moved = {place for place, path in found.items() if base != Path("/usr") and path.is_relative_to(base)}
    return {f"usr/lib/{path.name}" if place in moved else place: path for place, path in found.items()}


def _module(place: str, path: Path) -> Iterator[tuple[str, Entry]]:
    """A file, and what Python would compile it to: nobody may write in an image."""
    data = path.read_bytes()
    yield place, Entry(data, path.stat().st_mode & 0o755 | 0o444)
    if path.suffix == ".py" and (code := _compiled(path, data, place)):
        yield importlib.util.cache_from_source(place), Entry(code, 0o644)


def _compiled(path: Path, data: bytes, place: str) -> bytes:
    """Valid for this source whatever the time of its file (PEP 552); empty if it is none."""
    # What this environment has compiled already is as good.
    cached = Path(importlib.util.cache_from_source(str(path)))
    of_source = struct.pack("<LLL", 0, int(path.stat().st_mtime) & 0xFFFFFFFF, len(data))
    known = cached.read_bytes() if cached.is_file() else b""
    if known[:16] == importlib.util.MAGIC_NUMBER + of_source:
        code = known[16:]
    else:
        try:
            code = marshal.dumps(compile(data, f"/{place}", "exec", dont_inherit=True))
        except (SyntaxError, ValueError):
            return b""
    unchecked = struct.pack("<L", 1)
    return importlib.util.MAGIC_NUMBER + unchecked + importlib.util.source_hash(data) + code
