"""The command `ccm-scenarios`."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from ccm_scenarios import __version__
from ccm_scenarios.commands import localcloud, report
from ccm_scenarios.console import outlive_readers, tell
from ccm_scenarios.contract import Grants
from ccm_scenarios.contract.rights import KUBERNETES, Part
from ccm_scenarios.errors import CcmScenariosError, UsageError

_USAGE_ERROR = 2
_INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help=(__doc__ or "").strip(), pretty_exceptions_enable=False
)
app.add_typer(localcloud.group, name="localcloud")
app.add_typer(report.group, name="report")


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

    _end_cleanly()
    sys.path.insert(0, str(Path.cwd()))  # an adapter may lie here, as for a run
    options = Options.parse(dict(_pair(word) for word in define or ()))
    factory = providers.find(provider)
    options.flavour_of(factory)  # it has that one
    findings = Findings(typer.echo)
    without_a_cloud.check(factory, findings)
    if findings.failed:
        findings.skip("what it does in a cloud", "its shape comes first")
    elif not static:
        live.check(factory, options, findings, tell)
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
    import providers
    from ccm_scenarios.adapter_check import skeleton

    if name in providers.names():
        raise UsageError(f"{name!r} is the tag of an adapter that is registered here already: choose another")
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
    if used_by:
        chosen, parts = read(used_by, grantor), parts or list(Part)  # whatever the run did is to be done again
    else:
        chosen = grants.needed()
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
    _end_cleanly()
    started = time.monotonic()
    verdicts = []
    for result in machinery.run(
        wanted,
        root=Path.cwd(),
        provider=judge,
        reports=Path(os.environ.get("ARTIFACTS") or "reports/latest").absolute() / "mutants",
        jobs=jobs or machinery.default_jobs(),
        factor=timeouts or machinery.TIMEOUTS,
        progress=tell,
        imports=getattr(factory, "slow_imports", ()),
    ):
        typer.echo("\n".join(result.lines()))
        verdicts.append(result.verdict)
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in machinery.Verdict)
    typer.echo(f"{len(verdicts)} mutants: {counts}; {time.monotonic() - started:.0f} s")
    raise typer.Exit(int(any(verdict is not machinery.Verdict.KILLED for verdict in verdicts)))


def _end_cleanly() -> None:
    """Have what this command makes be removed as with Ctrl-C when SIGTERM comes, and when nobody reads its output any
    more."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outlive_readers(lambda: signal.raise_signal(signal.SIGTERM))


def _only_provider() -> str:
    import providers

    names = providers.names()
    if len(names) != 1:
        raise UsageError(f"say whose adapter judges: --provider {'|'.join(names)}")
    return names[0]


def main() -> None:
    """Run; every expected error is one line and exit code 2, Ctrl-C is 130."""
    try:
        app(standalone_mode=True)
    except CcmScenariosError as error:
        tell(f"ccm-scenarios: {error}")
        sys.exit(_USAGE_ERROR)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
