"""Scenarios side by side: `behave -j N`.

`behave.runner:Runner` runs scenarios one after another. `Runner` here starts the target once, then forks N workers,
each with a copy of all that is parsed and imported, hands them one scenario at a time, and puts what they send back
into behave's model: reporters, formatters and reports see one run, as with `-j 1`.

* `runner`: behave's runner, with this;
* `side_by_side`: puts one run together from what the workers say;
* `pool`: the workers, seen from the parent; `worker`: their own side; `messages`: what goes between them;
* `plan`: which scenario next; `crowd`: whether the machine has room for it; `durations`: what is known of their length;
* `replay`: results into behave's model and formatters; `progress`: what is going on now.
"""

from ccm_scenarios.parallel.runner import Runner

__all__ = ["Runner"]
