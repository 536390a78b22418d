"""`ccm-scenarios localcloud`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccm_scenarios.console import tell
from ccm_scenarios.errors import UsageError

if TYPE_CHECKING:
    from ccm_scenarios.localcloud.client import LocalCloud

group = typer.Typer(
    no_args_is_help=True,
    help="A region in a box: a real Kubernetes cluster, the real CCM and an emulated cloud, on this machine (as root).",
)

Name = Annotated[str, typer.Option(help="Which local cloud; several can run side by side.")]


def _running(name: str) -> LocalCloud:
    from ccm_scenarios.localcloud import client

    found = client.find(name)
    if found is None:
        raise UsageError(
            f"no local cloud {name!r} is running: start one with `ccm-scenarios localcloud up --name {name}`"
        )
    return found


@group.command()
def up(
    name: Name = "default",
    cloud: Annotated[
        str | None, typer.Option(help="Which cloud it is, called as the adapter that judges it; AWS by default.")
    ] = None,
    nodes: Annotated[int, typer.Option(min=1, help="Instances to launch at first.")] = 3,
    ccm: Annotated[Path | None, typer.Option(help="Judge this CCM binary instead of the one built here.")] = None,
    realistic: Annotated[
        bool,
        typer.Option(
            "--realistic",
            help="With production's periods: heartbeats, monitors and reconcilers as Kubernetes has them by default, "
            "health checks as the CCM asks for them, a cloud API that takes its time. Slow, as things are there.",
        ),
    ] = False,
) -> None:
    """Start a local cloud; one that runs already is left as it is."""
    from ccm_scenarios.localcloud import client, clouds

    started = client.up(
        name, cloud=cloud or clouds.DEFAULT, nodes=nodes, ccm=ccm, realistic=realistic, owned=False, progress=tell
    )
    tell(f"local cloud {name!r} is ready: `ccm-scenarios localcloud shell --name {name}`")
    typer.echo(started.kubeconfig)


@group.command()
def down(name: Name = "default") -> None:
    """End a local cloud and remove whatever it left, also after a crash."""
    from ccm_scenarios.localcloud import client

    tell(f"local cloud {name!r} ended" if client.down(name) else f"there was no local cloud {name!r}")


@group.command()
def load(
    archive: Annotated[Path, typer.Argument(help="Of container images: an OCI archive, or what `docker save` writes.")],
    name: Name = "default",
) -> None:
    """Give container images to the instances that run now, as a registry would; later ones have none of them."""
    if not archive.is_file():
        raise UsageError(f"{archive}: there is no such file")
    for instance in _running(name).load(archive):
        typer.echo(instance)


@group.command()
def status(name: Name = "default") -> None:
    """Print control plane, CCM, instances, load balancers and memory as JSON."""
    typer.echo(json.dumps(_running(name).status(), indent=2))


@group.command("list")
def list_() -> None:
    """Print the names of all local clouds that run or left something behind."""
    from ccm_scenarios.localcloud.state import State, names

    for name in names():
        typer.echo(f"{name}\t{'running' if State(name).is_alive() else 'ended without clean-up'}")


@group.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def shell(context: typer.Context, name: Name = "default") -> None:
    """Open a shell, or run the command after `--`, outside the cluster but on the cloud's network, with
    KUBECONFIG and the variables of the cloud's own tools."""
    command = context.args or [os.environ.get("SHELL", "/bin/sh")]
    raise typer.Exit(_running(name).run(command))


@group.command()
def logs(
    source: Annotated[str | None, typer.Argument(help="Which log, as listed without an argument.")] = None,
    name: Name = "default",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 200,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what is added.")] = False,
) -> None:
    """Print a log: of the CCM, a control-plane component, or a service of an instance. Without a name, list them."""
    from ccm_scenarios.localcloud.state import State

    directory = State(name).directory
    found = {path.stem: path for path in sorted((directory / "log").glob("*.log"))}
    for path in sorted((directory / "instances").glob("*/log/*.log")):
        found[f"{path.parent.parent.name}/{path.stem}"] = path
    if source is None:
        for known in found:
            typer.echo(known)
        return
    if source not in found:
        raise UsageError(f"local cloud {name!r} has no log {source!r}; it has: {', '.join(found) or 'none'}")
    command = ["tail", "-n", str(lines), *(["-F"] if follow else []), str(found[source])]
    sys.stdout.flush()
    os.execvp(command[0], command)
