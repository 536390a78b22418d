"""`ccm-scenarios report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccm_scenarios.console import tell

group = typer.Typer(no_args_is_help=True, help="What runs left behind.")


@group.command()
def merge(
    directories: Annotated[list[Path], typer.Argument(help="Directories that runs wrote, one for each shard.")],
    into: Annotated[Path, typer.Option(help="Where the joint reports go; a directory that is new or empty.")],
) -> None:
    """Join the reports of shards into one set; exit code 1 if a run failed, 2 if a shard is missing."""
    from ccm_scenarios.reporting.merge import merge

    passed = merge(directories, into)
    tell(f"{len(directories)} runs, {'passed' if passed else 'failed'}: {into}")
    raise typer.Exit(0 if passed else 1)


@group.command()
def conformance(
    directories: Annotated[list[Path], typer.Argument(help="Directories that runs wrote, all of one flavour.")],
) -> None:
    """Print what a controller showed, behaviour by behaviour, as a small file to keep (JSON)."""
    from ccm_scenarios import catalogue
    from ccm_scenarios.reporting.conformance import conformance

    typer.echo(conformance(directories, known=catalogue.entries()).dump(), nl=False)


@group.command()
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
