"""What an adapter has in place of what it does not declare."""

from __future__ import annotations

from typing import Any, NoReturn

from ccm_scenarios.contract.errors import NotDeclared


class Refusal:
    """A verb that is not declared: whatever it is called with, it raises `NotDeclared`."""

    def __init__(self, problem: NotDeclared) -> None:
        self._problem = problem

    def __call__(self, *_: object, **__: object) -> NoReturn:
        raise self._problem


class _Undeclared:
    def __init__(self, provider: str, kind: type, but: object | None) -> None:
        self._provider = provider
        self._kind = kind
        self._but = but

    def __getattr__(self, verb: str) -> Any:
        if hasattr(self._but, verb):
            return getattr(self._but, verb)
        declared = vars(self._kind).get(verb)
        if declared is None:
            raise AttributeError(verb)
        problem = NotDeclared(self._provider, f"{self._kind.__name__}.{verb}")
        if isinstance(declared, property):
            raise problem
        return Refusal(problem)


def undeclared(provider: str, kind: type, *, but: object | None = None) -> Any:
    """Stands for a kind of infrastructure of which an adapter does nothing, or not all: its verbs raise `NotDeclared`.

        routes: Routes = undeclared("mycloud", Routes)
        instances: Instances = undeclared("mycloud", Instances, but=MyInstances(client))

    Args:
        provider: the adapter's name.
        kind: the Protocol.
        but: has the verbs that the adapter does declare.
    """
    return _Undeclared(provider, kind, but)
