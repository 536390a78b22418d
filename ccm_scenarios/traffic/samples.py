"""What probes got, try by try: how many, how good, the longest outage, how long answers took, and who answered when."""

from __future__ import annotations

import bisect
import collections
import itertools
import statistics
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

RETRANSMISSION = 1.0
"""Seconds after which TCP sends the first packet of a connection again if it was lost, or the answer to it (RFC 6298).
Later packets it sends again much sooner, after as little as a busy machine may take to answer: those say nothing."""
OVERTAKING = 0.8
"""Seconds by which a try must be overtaken: nearly all that it waited for, since who calls after it waits for nothing.
Schedulers put less between two tasks that are ready at once, unless a machine has a hundred times too much to do."""
PLOT_COLUMNS = 72
_PLOT_ROWS = 8
_SHADES = " ▁▂▃▄▅▆▇█"


class Outcome(Enum):
    """What one try of a probe was."""

    GOOD = "good"
    """The expected answer."""
    NONE = "none"
    """No answer of the one who was called: refused, reset, silent, no such name any more, or answered by another."""
    UNKNOWN = "unknown"
    """The try says nothing of the one who was called: the question was not asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One try: its outcome, and what came back or why nothing did."""

    outcome: Outcome
    text: str
    by: str = ""
    """Who gave it, where that is known."""


class Answerer(Protocol):
    """Somebody whose answers can be told from others'."""

    def answers_as(self, text: str) -> bool:
        """Whether an answer to `hostname` is theirs."""
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """One try with its place in the order of starts, and its times by `time.monotonic()`."""

    number: int
    started: float
    ended: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without a good answer."""

    began: float
    """Seconds since the first try."""
    seconds: float


class Samples:
    """The tries of one probe. Safe to use from several threads.

    An outage is a time in which no good answer arrived, however many tries were under way: so it is seen whether calls
    are refused, lost, or answered late. It cannot be known more exactly than the time between two tries. Pauses of the
    prober itself are taken off: what it did not look at, it does not claim.

    Args:
        changed: called after each change.
    """

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._samples: list[Sample] = []
        self._by_number: dict[int, Sample] = {}
        self._latest = -1
        self._pauses: list[tuple[float, float]] = []

    def add(self, samples: Sequence[Sample]) -> None:
        """Record tries that ended, in the order of their ends."""
        with self._lock:
            self._samples += samples
            self._by_number.update((sample.number, sample) for sample in samples)
            self._latest = max((self._latest, *(sample.number for sample in samples)))
        self._changed()

    def add_pause(self, began: float, ended: float) -> None:
        """Record that the prober did not run for a time."""
        with self._lock:
            self._pauses.append((began, ended))

    # What they say

    def settled(self, outcome: Outcome, in_a_row: int, by: Answerer | None = None) -> float | None:
        """Whether so many tries one after another were `outcome`, and no later one that ended was anything else.

        Args:
            by: only their answers count; None: anybody's.

        One after another means in the order of their starts. Tries under way count for nothing: a stalled one parts
        those before it from those after it.

        Returns:
            When the first of them ended, by `time.monotonic()`; None if there are not so many.
        """
        with self._lock:
            run: list[float] = []
            for number in range(self._latest, -1, -1):
                sample = self._by_number.get(number)
                if sample is None:
                    run = []
                elif _is(sample, outcome, by):
                    run.append(sample.ended)
                    if len(run) == in_a_row:
                        return min(run)
                else:
                    return None
        return None

    def last_other_than(self, outcome: Outcome, by: Answerer | None = None) -> str:
        """The last try that was not `outcome`, else the last of all, in words: `none: Connection refused`.

        Args:
            by: only their answers count; None: anybody's.
        """
        samples = self._copy()
        others = [sample for sample in samples if not _is(sample, outcome, by)]
        for sample in (others or samples)[-1:]:
            return f"{sample.answer.outcome.value}: {sample.answer.text}"
        return "no try ended"

    def bad(self) -> list[Sample]:
        """The tries without a good answer."""
        return [sample for sample in self._copy() if not _is_good(sample)]

    @property
    def size(self) -> int:
        """Tries that ended."""
        return len(self._samples)

    @property
    def seconds(self) -> float:
        """From the start of the first try to the end of the last."""
        samples = self._copy()
        return samples[-1].ended - _begin(samples) if samples else 0.0

    @property
    def success_rate(self) -> float:
        """Good answers among all, 0 to 1; 0 without samples."""
        samples = self._copy()
        return sum(_is_good(sample) for sample in samples) / len(samples) if samples else 0.0

    @property
    def longest_outage(self) -> Outage:
        """The longest time without a good answer: before the first, between two, or after the last."""
        with self._lock:
            samples, pauses = list(self._samples), list(self._pauses)
        if not samples:
            return Outage(0.0, 0.0)
        begin = _begin(samples)
        # A slow try may have ended after its successors: good answers are taken as they arrived.
        marks = sorted([begin, *(s.ended for s in samples if _is_good(s)), samples[-1].ended])
        paused = _Paused(pauses)
        gaps = (Outage(a - begin, b - a - (paused.until(b) - paused.until(a))) for a, b in itertools.pairwise(marks))
        return max(gaps, key=lambda gap: gap.seconds)

    def latency(self, percent: int) -> float:
        """Seconds within which this share of the good answers arrived; 0 without any.

        Args:
            percent: 1 to 99.
        """
        taken = [sample.ended - sample.started for sample in self._copy() if _is_good(sample)]
        if len(taken) < 2:
            return taken[0] if taken else 0.0
        return statistics.quantiles(taken, n=100, method="inclusive")[percent - 1]

    @property
    def answerers(self) -> collections.Counter[str]:
        """Who gave how many good answers."""
        return collections.Counter(sample.answer.by for sample in self._copy() if _is_good(sample))

    def held_up(self) -> list[Sample]:
        """The tries whose connection waited for a packet to be sent again, those included that were given up over it.

        They took at least `RETRANSMISSION`, and were overtaken on the way: a later try was answered by the same
        answerer at least `OVERTAKING` before. The tries of one answerer are each other's control: whatever slows the
        machine, the load balancer or the answerer delays all that are under way together, and they arrive together.
        Whose a try without an answer would have been is not known: any answerer's later try overtakes it.
        """
        samples = self._copy()
        by: dict[str, list[Sample]] = {}
        for sample in samples:
            if _is_good(sample):
                by.setdefault(sample.answer.by, []).append(sample)
        late = [sample for tries in by.values() for sample in _overtaken(tries)]
        return late + [sample for sample in _overtaken(samples) if sample.answer.outcome is Outcome.NONE]

    @property
    def paused(self) -> float:
        """Seconds the prober did not run."""
        with self._lock:
            return sum(ended - began for began, ended in self._pauses)

    @property
    def longest_pause(self) -> float:
        """Seconds of the longest time the prober did not run; 0 if it always did."""
        with self._lock:
            return max((ended - began for began, ended in self._pauses), default=0.0)

    # In words

    def summary(self) -> str:
        """`312 samples in 6.2 s, 99.4% good, longest outage 0.11 s at 2.31 s, answers within 1 ms (p50), 4 ms (p99)`"""
        outage = self.longest_outage
        words = [
            f"{self.size} samples in {self.seconds:.1f} s",
            f"{self.success_rate:.1%} good",
            f"longest outage {outage.seconds:.2f} s at {outage.began:.2f} s",
            f"{len(self.held_up())} held up by lost packets",
        ]
        if self.success_rate:
            words.append(f"answers within {_ms(self.latency(50))} (p50), {_ms(self.latency(99))} (p99)")
        if self.paused:
            words.append(f"the prober itself was kept from running for {_ms(self.paused)}")
        return ", ".join(words)

    def lines(self) -> list[str]:
        """A line for each stretch of tries with equal outcomes, in the order of their starts: when, how many, who."""
        samples = sorted(self._copy(), key=lambda sample: sample.number)
        lines = []
        for stretch in _stretches(samples):
            texts = collections.Counter(sample.answer.text for sample in stretch).most_common(3)
            who = "; ".join(text if len(texts) == 1 else f"{text} ({count})" for text, count in texts)
            at = stretch[0].started - _begin(samples)
            lines.append(f"{at:7.2f} s  {stretch[0].answer.outcome.value} x {len(stretch)}: {who}")
        return lines

    def plot(self) -> list[str]:
        """A row for each kind of answer, over the tries' starts from left to right; a high block is a large share."""
        samples = self._copy()
        if not samples:
            return []
        begin = _begin(samples)
        seconds = max(max(sample.started for sample in samples) - begin, 1e-9)
        columns: list[collections.Counter[str]] = [collections.Counter() for _ in range(PLOT_COLUMNS)]
        for sample in samples:
            column = min(int((sample.started - begin) / seconds * PLOT_COLUMNS), PLOT_COLUMNS - 1)
            columns[column][sample.answer.text] += 1
        total: collections.Counter[str] = sum(columns, collections.Counter())
        rows = []
        for text, _ in total.most_common(_PLOT_ROWS):
            shares = (column[text] / column.total() if column else 0.0 for column in columns)
            rows.append("".join(_shade(share) for share in shares) + f"  {text}")
        end = f"{seconds:.2f} s"
        return [*rows, f"0 s{end:>{PLOT_COLUMNS - 3}}"]

    def _copy(self) -> list[Sample]:
        with self._lock:
            return list(self._samples)


def _overtaken(tries: Sequence[Sample]) -> Iterator[Sample]:
    """Those that waited for a retransmission, while the answer to a later one arrived."""
    latest_first = sorted(tries, key=lambda sample: sample.started, reverse=True)
    earliest_end = float("inf")
    for sample in latest_first:
        # So far: when the first of all later tries was answered.
        if sample.ended - sample.started >= RETRANSMISSION and earliest_end <= sample.ended - OVERTAKING:
            yield sample
        if _is_good(sample):
            earliest_end = min(earliest_end, sample.ended)


def _is(sample: Sample, outcome: Outcome, by: Answerer | None) -> bool:
    return sample.answer.outcome is outcome and (by is None or by.answers_as(sample.answer.by))


def _is_good(sample: Sample) -> bool:
    return sample.answer.outcome is Outcome.GOOD


def _begin(samples: Sequence[Sample]) -> float:
    return min(sample.started for sample in samples)


class _Paused:
    """How much of the time was paused; asked of thousands of times with thousands of pauses.

    Args:
        pauses: none overlaps another.
    """

    def __init__(self, pauses: Sequence[tuple[float, float]]) -> None:
        self._pauses = sorted(pauses)
        self._before = list(itertools.accumulate((ended - began for began, ended in self._pauses), initial=0.0))

    def until(self, time: float) -> float:
        """Seconds of pauses before a time."""
        index = bisect.bisect_right(self._pauses, (time, float("inf"))) - 1
        if index < 0:
            return 0.0
        began, ended = self._pauses[index]
        return self._before[index] + min(time, ended) - began


def _stretches(samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    stretch: list[Sample] = []
    for sample in samples:
        if stretch and sample.answer.outcome is not stretch[-1].answer.outcome:
            yield stretch
            stretch = []
        stretch.append(sample)
    if stretch:
        yield stretch


def _shade(share: float) -> str:
    # Even a single answer among many is shown.
    return _SHADES[0 if share == 0 else max(1, round(share * (len(_SHADES) - 1)))]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"
