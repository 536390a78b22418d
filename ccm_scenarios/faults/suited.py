"""Faults as they concern one provider."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ccm_scenarios.faults.model import Fault


def suited(faults: Sequence[Fault], unjudged: Mapping[str, Collection[str]]) -> list[Fault]:
    """One fault for each flavour that it names and the provider has, or one if it names none, without behaviours that
    are not judged there: those can neither be killed nor survive.

    Args:
        unjudged: each flavour of the provider, the default one first, to the behaviours that are not judged in it.
    """
    default = next(iter(unjudged))
    found = []
    for fault in faults:
        for flavour in fault.flavours or (default,):
            if flavour in unjudged:
                without = unjudged[flavour]
                found.append(
                    replace(
                        fault,
                        flavours=(flavour,) if fault.flavours else (),
                        kills={name: words for name, words in fault.kills.items() if name not in without},
                        survivors=tuple(name for name in fault.survivors if name not in without),
                    )
                )
    return found
