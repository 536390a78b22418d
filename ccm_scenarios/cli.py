"""The command `ccm-scenarios`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from ccm_scenarios import __version__
from ccm_scenarios.contract import Grants
from ccm_scenarios.contract.rights import KUBERNETES, Part
from ccm_scenarios.errors import CcmScenariosError, UsageError

_USAGE_ERROR = 2
_INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help=(__doc__ or "").strip(), pretty_exceptions_enable=False
)
localcloud = typer.Typer(
    no_args_is_help=True,
    help="A region in a box: a real Kubernetes cluster, the real CCM and an emulated cloud, on this machine (as root).",
)
app.add_typer(localcloud, name="localcloud")
report = typer.Typer(no_args_is_help=True, help="What runs left behind.")
app.add_typer(report, name="report")

Name = Annotated[str, typer.Option(help="Which local cloud; several can run side by side.")]


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _running(name: str):  # type: ignore[no-untyped-def]
    from ccm_scenarios.localcloud import client

    found = client.find(name)
    if found is None:
        raise UsageError(
            f"no local cloud {name!r} is running: start one with `ccm-scenarios localcloud up --name {name}`"
        )
    return found


@app.command()
def version() -> None:
    """Print the suite's version."""
    typer.echo(__version__)


@app.command()
def path() -> None:
    """Print the directory of the suite: features/, steps/ and environment.py."""
    from ccm_scenarios.installation import suite_directory

    typer.echo(suite_directory())


_BEHAVES_OWN = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(context_settings=_BEHAVES_OWN)
def run(
    context: typer.Context,
    features: Annotated[
        list[Path] | None, typer.Option(help="A directory with features of your own, run beside the suite's.")
    ] = None,
    steps: Annotated[list[Path] | None, typer.Option(help="A directory with steps for them.")] = None,
) -> None:
    """Run the suite from any directory: `behave`, with all its options, on the features that are installed.

    For instance: ccm-scenarios run --tags=@aws -D kubeconfig=FILE. Reports go to reports/latest, or $ARTIFACTS.
    """
    from ccm_scenarios import installation

    raise typer.Exit(installation.run(context.args, features=features or (), steps=steps or ()))


@app.command()
def image(
    archive: Annotated[Path, typer.Argument(help="The file to write, for instance ccm-scenarios.tar.")],
    name: Annotated[
        str | None, typer.Option(help="What the image is called, with registry and tag; localhost/… if not said.")
    ] = None,
    package: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[EXTRA]", help="What else is installed and shall be in it, with what it requires."),
    ] = None,
) -> None:
    """Write a container image of this installation: Python, the suite, all adapters, what they require, a shell.

    An OCI archive: for `docker load`, `podman load`, `ctr images import`, or `ccm-scenarios localcloud load`. Neither a
    registry nor a builder is needed; Linux is, and packages that were installed without --editable.
    """
    from ccm_scenarios import image as machinery

    called = name or machinery.NAME
    machinery.build(archive, name=called, packages=package or ())
    typer.echo(called)


@app.command("check-adapter")
def check_adapter(
    provider: Annotated[str, typer.Option(help="Whose adapter: a name, or module:Factory.")],
    define: Annotated[
        list[str] | None, typer.Option("-D", metavar="KEY=VALUE", help="Which cloud and flavour, as for a run.")
    ] = None,
    static: Annotated[bool, typer.Option("--static", help="Only what can be told without a cloud.")] = False,
) -> None:
    """Prove an adapter before any scenario runs with it; by default on a local cloud (as root).

    Exit code 1 if a claim fails.
    """
    import providers
    from ccm_scenarios.adapter_check import live
    from ccm_scenarios.adapter_check import static as without_a_cloud
    from ccm_scenarios.adapter_check.findings import Findings
    from ccm_scenarios.options import Options

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what it made is removed all the same
    sys.path.insert(0, str(Path.cwd()))  # an adapter may lie here, as for a run
    options = Options.parse(dict(_pair(word) for word in define or ()))
    factory = providers.find(provider)
    findings = Findings(typer.echo)
    without_a_cloud.check(factory, findings)
    if findings.failed:
        findings.skip("what it does in a cloud", "its shape comes first")
    elif not static:
        live.check(factory, options, findings, _say)
    typer.echo(findings)
    raise typer.Exit(int(findings.failed))


def _pair(word: str) -> tuple[str, str]:
    key, _, value = word.partition("=")
    return key, value or "true"  # as behave has it


@app.command()
def sweep(
    provider: Annotated[str, typer.Option(help="Whose adapter knows the cloud: a name, or module:Factory.")],
    define: Annotated[
        list[str] | None, typer.Option("-D", metavar="KEY=VALUE", help="Which cluster and flavour, as for a run.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="UID", help="UID of the cluster's namespace kube-system: that one is meant.")
    ] = None,
    run_id: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="Only what this run left, old or not.")
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Only of scenarios that began so long ago: 30m, 2h, 1d; 6h without --run."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it; without this it is only listed.")] = False,
) -> None:
    """List what runs that died left on a named cluster and in its cloud, or remove it.

    Touches only what carries the suite's own mark for this cluster. Exit code 1 if something stays that was to be
    removed.
    """
    import providers
    from ccm_scenarios import sweep_command
    from ccm_scenarios.options import Options

    sys.path.insert(0, str(Path.cwd()))  # an adapter may lie here, as for a run
    age = sweep_command.age(older_than) if older_than is not None else None
    options = Options.parse(dict(_pair(word) for word in define or ()))
    order = sweep_command.Order(cluster, run_id, age, remove)
    raise typer.Exit(int(not sweep_command.run(providers.find(provider), options, order, typer.echo)))


@app.command("new-provider")
def new_provider(
    name: Annotated[str, typer.Argument(help="The cloud's name: it becomes the tag.")],
    into: Annotated[
        Path | None, typer.Option(help="A directory that is new or empty; NAME-ccm-scenarios if not said.")
    ] = None,
) -> None:
    """Write a project for an adapter of your own, with tests, a feature, CI files, and what is to be filled in."""
    from ccm_scenarios.adapter_check import skeleton

    directory = into or Path(f"{name}-ccm-scenarios")
    for file in skeleton.write(name, directory):
        typer.echo(directory / file)


@app.command()
def behaviours() -> None:
    """Print the table of all behaviours: what each needs, and which providers and flavours it judges (Markdown)."""
    import providers
    from ccm_scenarios import catalogue
    from ccm_scenarios.installation import suite_directory
    from ccm_scenarios.targets import OFFERED_BY_LOCAL_CLOUD

    names = providers.names()
    judged = catalogue.declared_by(map(providers.find, names), OFFERED_BY_LOCAL_CLOUD)
    typer.echo(catalogue.table(catalogue.behaviours(suite_directory() / "features", names), judged), nl=False)


@app.command()
def rights(
    grantor: Annotated[
        str, typer.Argument(metavar="kubernetes|PROVIDER", help="Who is to grant them: the cluster, or a cloud.")
    ],
    parts: Annotated[
        list[Part] | None,
        typer.Option("--for", help="For what else than behaviours that are not disruptive; can be said several times."),
    ] = None,
    used_by: Annotated[
        list[Path] | None, typer.Option(help="What a run used whose reports are here, in place of all that are needed.")
    ] = None,
) -> None:
    """Print the rights that a run on a named cluster needs, and no others: manifests of a service account with its
    roles (kubernetes), a policy document (aws), a custom role (gcp)."""
    from ccm_scenarios.reporting.rights import read

    grants = _grants(grantor)
    chosen = read(used_by, grantor) if used_by else grants.needed()
    typer.echo(grants.document(chosen.needed(*parts or ())), nl=False)


def _grants(grantor: str) -> Grants:
    import providers

    if grantor == KUBERNETES:
        from ccm_scenarios.kube import rights as of_cluster

        return of_cluster
    grants: Grants | None = getattr(providers.find(grantor), "rights", None)
    if grants is None:
        raise UsageError(f"the {grantor} adapter does not tell which rights it needs; {KUBERNETES} does")
    return grants


@app.command()
def mutants(
    names: Annotated[
        list[str] | None, typer.Argument(help="Faults: names of the catalogue, or files; all of it if none is given.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Whose adapter judges; needs not be said where there is only one.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Local clouds at once; by default two a core if memory is enough."),
    ] = None,
    timeouts: Annotated[float | None, typer.Option(min=0.1, max=100, help="Factor for all upper bounds.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only print the faults.")] = False,
) -> None:
    """Break things around the controller, and see whether the behaviours that must notice do, and no others."""
    import providers
    from ccm_scenarios import catalogue
    from ccm_scenarios import mutants as machinery
    from ccm_scenarios.faults import catalogue as all_faults
    from ccm_scenarios.faults import load, suited
    from ccm_scenarios.installation import suite_directory
    from ccm_scenarios.targets import OFFERED_BY_LOCAL_CLOUD

    faults = [load(name) for name in names or ()] or all_faults()
    if list_:
        for fault in faults:
            typer.echo(f"{fault.name:<36} {fault.title}")
        return
    judge = provider or _only_provider()
    factory = providers.find(judge)
    listed = catalogue.behaviours(suite_directory() / "features", providers.names())
    unjudged = {
        where.partition(" ")[2]: {one.id for one in listed if catalogue.why_not_judged(one, where, declared)}
        for where, declared in catalogue.declared_by([factory], OFFERED_BY_LOCAL_CLOUD).items()
    }
    wanted = machinery.mutants(suited(faults, unjudged))
    if not wanted:
        raise UsageError(f"none of these faults names a behaviour that it kills with {judge}")
    # Behaviours that run then clean up, and their clouds end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    verdicts = []
    for result in machinery.run(
        wanted,
        root=Path.cwd(),
        provider=judge,
        reports=Path(os.environ.get("ARTIFACTS") or "reports/latest").absolute() / "mutants",
        jobs=jobs or machinery.default_jobs(),
        factor=timeouts or machinery.TIMEOUTS,
        progress=_say,
    ):
        typer.echo("\n".join(result.lines()))
        verdicts.append(result.verdict)
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in machinery.Verdict)
    typer.echo(f"{len(verdicts)} mutants: {counts}; {time.monotonic() - started:.0f} s")
    raise typer.Exit(int(any(verdict is not machinery.Verdict.KILLED for verdict in verdicts)))


def _only_provider() -> str:
    import providers

    names = providers.names()
    if len(names) != 1:
        raise UsageError(f"say whose adapter judges: --provider {'|'.join(names)}")
    return names[0]


@localcloud.command()
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
        name, cloud=cloud or clouds.DEFAULT, nodes=nodes, ccm=ccm, realistic=realistic, owned=False, progress=_say
    )
    _say(f"local cloud {name!r} is ready: `ccm-scenarios localcloud shell --name {name}`")
    typer.echo(started.kubeconfig)


@localcloud.command()
def down(name: Name = "default") -> None:
    """End a local cloud and remove whatever it left, also after a crash."""
    from ccm_scenarios.localcloud import client

    _say(f"local cloud {name!r} ended" if client.down(name) else f"there was no local cloud {name!r}")


@localcloud.command()
def load(
    archive: Annotated[Path, typer.Argument(help="Of container images: an OCI archive, or what `docker save` writes.")],
    name: Name = "default",
) -> None:
    """Give container images to the instances that run now, as a registry would; later ones have none of them."""
    if not archive.is_file():
        raise UsageError(f"{archive}: there is no such file")
    for instance in _running(name).load(archive):
        typer.echo(instance)


@localcloud.command()
def status(name: Name = "default") -> None:
    """Print control plane, CCM, instances, load balancers and memory as JSON."""
    typer.echo(json.dumps(_running(name).status(), indent=2))


@localcloud.command("list")
def list_() -> None:
    """Print the names of all local clouds that run or left something behind."""
    from ccm_scenarios.localcloud.state import State, names

    for name in names():
        typer.echo(f"{name}\t{'running' if State(name).is_alive() else 'ended without clean-up'}")


@localcloud.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def shell(context: typer.Context, name: Name = "default") -> None:
    """Open a shell, or run the command after `--`, outside the cluster but on the cloud's network, with
    KUBECONFIG and the variables of the cloud's own tools."""
    command = context.args or [os.environ.get("SHELL", "/bin/sh")]
    raise typer.Exit(_running(name).run(command))


@localcloud.command()
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


@report.command()
def merge(
    directories: Annotated[list[Path], typer.Argument(help="Directories that runs wrote, one for each shard.")],
    into: Annotated[Path, typer.Option(help="Where the joint reports go; a directory that is new or empty.")],
) -> None:
    """Join the reports of shards into one set; exit code 1 if a run failed, 2 if a shard is missing."""
    from ccm_scenarios.reporting.merge import merge

    passed = merge(directories, into)
    _say(f"{len(directories)} runs, {'passed' if passed else 'failed'}: {into}")
    raise typer.Exit(0 if passed else 1)


@report.command()
def conformance(
    directories: Annotated[list[Path], typer.Argument(help="Directories that runs wrote, all of one flavour.")],
    of: Annotated[
        str, typer.Option(metavar="'PROVIDER FLAVOUR'", help="What they judged, for instance 'aws classic'.")
    ],
    controller: Annotated[str, typer.Option(help="The version of its controller.")],
) -> None:
    """Print what a controller showed, behaviour by behaviour, as a small file to keep (JSON)."""
    import providers
    from ccm_scenarios import catalogue
    from ccm_scenarios.reporting.conformance import conformance

    known = [f"{name} {flavour}" for name in providers.names() for flavour in providers.find(name).flavours]
    if of not in known:
        raise UsageError(f"nobody judges {of!r}; --of is one of: {', '.join(known)}")
    typer.echo(conformance(directories, where=of, controller=controller, known=catalogue.entries()).dump(), nl=False)


@report.command()
def matrix(
    files: Annotated[list[Path], typer.Argument(help="Files that `report conformance` made, one for each flavour.")],
) -> None:
    """Print what each controller showed of each behaviour, side by side (Markdown)."""
    import providers
    from ccm_scenarios import catalogue
    from ccm_scenarios.installation import suite_directory
    from ccm_scenarios.matrix import matrix
    from ccm_scenarios.reporting.conformance import Conformance

    listed = catalogue.behaviours(suite_directory() / "features", providers.names())
    typer.echo(matrix(listed, sorted(map(Conformance.load, files), key=lambda one: one.where)), nl=False)


def main() -> None:
    """Run; every expected error is one line and exit code 2, Ctrl-C is 130."""
    try:
        app(standalone_mode=True)
    except CcmScenariosError as error:
        _say(f"ccm-scenarios: {error}")
        sys.exit(_USAGE_ERROR)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
