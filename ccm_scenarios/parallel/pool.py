"""The workers, seen from the parent: which there are, what each does, and what became of it.

The parent has one thread and no connections of its own while it forks; what it knows, its workers know.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import Connection, wait
from typing import IO, Protocol

from ccm_scenarios.parallel.crowd import Crowd
from ccm_scenarios.parallel.messages import Doing, Done, Ended, Job, Ready

TICK = 0.25
"""Seconds after which the loop looks around even if no worker says anything."""

OUTPUT_LIMIT = 64 * 1024
"""Bytes of a job's printed output that are shown, the last ones."""


class Worker:
    """One worker and its present job.

    Args:
        work: what its process does with the channel and the file descriptor for what it prints.
        place: where it runs scenarios; see `Group`.
    """

    def __init__(self, work: Callable[[Connection, int], None], place: int) -> None:
        self.place = place
        self.job: Job | None = None
        self.since = time.monotonic()
        self.doing = Doing("", "")
        self.doing_since = self.since
        self.began = False
        """Whether it was ready for a job."""
        self.interrupted = False
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        self.channel, theirs = multiprocessing.Pipe()
        # Forked, not spawned: importing Kubernetes' client and an SDK takes each new process seconds of a core.
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=work, args=(theirs, self._output.fileno()))
        self._process.start()
        theirs.close()

    def give(self, job: Job | None) -> None:
        """Have it do a job, or end."""
        self.job = job
        self.since = self.doing_since = time.monotonic()
        self.doing = Doing("", "")
        os.ftruncate(self._output.fileno(), 0)
        os.lseek(self._output.fileno(), 0, os.SEEK_SET)
        self.channel.send(job)

    def interrupt(self) -> None:
        """Have it stop what it does and clean up."""
        if not self.interrupted:
            self.interrupted = True
            self._process.terminate()

    def printed(self) -> str:
        """What it printed since it was given its job."""
        descriptor = self._output.fileno()
        start = max(0, os.fstat(descriptor).st_size - OUTPUT_LIMIT)
        return os.pread(descriptor, OUTPUT_LIMIT, start).decode(errors="replace")

    def bury(self) -> str:
        """Wait for its end, and say how it ended: "killed by SIGKILL", "exit code 3"."""
        self.channel.close()
        self._process.join()
        code = self._process.exitcode or 0
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


class Events(Protocol):
    """Who is told what happens, and says when to stop."""

    def fork(self, place: int) -> Worker:
        """A new worker for this place."""
        ...

    @property
    def stopping(self) -> bool:
        """No scenario shall begin any more."""
        ...

    @property
    def interrupted(self) -> bool:
        """Those that run shall end, too."""
        ...

    def ready(self, ready: Ready) -> None: ...

    def began(self, position: int) -> None: ...

    def done(self, position: int, done: Done, printed: str, seconds: float) -> None: ...

    def died(self, position: int, how: str, printed: str) -> None: ...

    def swept(self, position: int, done: Done | None) -> None:
        """None: the worker that swept died as well."""
        ...

    def ended(self, ended: Ended, printed: str) -> None: ...

    def failed(self, what: str, printed: str) -> None:
        """Something went wrong outside of every scenario."""
        ...

    def tick(self, workers: Iterable[Worker], held: int) -> None:
        """Those that do something, and how many wait until the machine is less crowded."""
        ...


class Group:
    """Scenarios that any of certain places may run.

    Args:
        positions: of the scenarios, in the order in which they shall begin.
        places: numbers of places; one that is there twice has two workers at once.
        heir_of: a group whose places, each for one worker, are this one's as well once all of it has ended.
    """

    def __init__(self, positions: Iterable[int], places: Iterable[int], *, heir_of: Group | None = None) -> None:
        self.pending = deque(Job(position) for position in positions)
        self.sweeps: deque[Job] = deque()
        self.free = deque(places)
        """Places without a worker."""
        self.workers: list[Worker] = []
        self.idle: deque[Worker] = deque()
        """Those that wait for a job."""
        self.ending: set[int] = set()
        self._heir_of = heir_of

    @property
    def ended(self) -> bool:
        return not (self.pending or self.sweeps or self.workers)

    def wanted(self) -> int:
        """Workers to be forked now."""
        if self._heir_of is not None and self._heir_of.ended:
            self.free.extendleft(set(self._heir_of.free))  # first: nothing has to be started there
            self._heir_of = None
        waiting = [worker for worker in self.workers if worker.job is None and id(worker) not in self.ending]
        return max(0, min(len(self.free), len(self.pending) + len(self.sweeps) - len(waiting)))


class Pool:
    """Runs scenarios on workers, one at each place.

    A worker ends as soon as there is nothing more for it to do: what it waits for at its end it waits for beside the
    scenarios of the others.
    """

    def __init__(self, events: Events, crowd: Crowd) -> None:
        self._events = events
        self._crowd = crowd
        self._groups: Sequence[Group] = ()

    def run(self, groups: Sequence[Group]) -> None:
        """Return, or raise, when all workers have ended: all scenarios are done then, or none may begin any more."""
        self._groups = groups
        try:
            self._work(groups)
        finally:
            self._end_all()

    def _work(self, groups: Sequence[Group]) -> None:
        while True:
            self._begin_nothing_if_stopping()
            if self._events.interrupted:
                for worker in self._workers():
                    if worker.job is not None and not worker.job.sweep:
                        worker.interrupt()
            for group in groups:
                for _ in range(group.wanted()):
                    group.workers.append(self._events.fork(group.free.popleft()))
            by_channel = {worker.channel: (group, worker) for group in groups for worker in group.workers}
            if not by_channel:
                return  # a group that just inherited had its workers forked: heirs come after whom they inherit from
            for channel in wait(list(by_channel), timeout=TICK):
                assert isinstance(channel, Connection)
                self._hear(*by_channel[channel])
            self._crowd.look()
            for group in reversed(groups):  # the few places apart have the longest way to go
                self._hand_out_to_idle(group)
            self._events.tick(
                [worker for worker in self._workers() if worker.job is not None],
                held=sum(len(group.idle) for group in groups),
            )

    def _end_all(self) -> None:
        """Have those clean up that are left because something failed here: nobody else hears or awaits them."""
        by_channel = {worker.channel: worker for worker in self._workers()}
        for worker in by_channel.values():
            worker.interrupt()
        while by_channel:
            for channel in wait(list(by_channel)):
                assert isinstance(channel, Connection)
                try:
                    channel.recv()
                except (EOFError, OSError, pickle.UnpicklingError):
                    by_channel.pop(channel).bury()

    def _workers(self) -> list[Worker]:
        return [worker for group in self._groups for worker in group.workers]

    def _begin_nothing_if_stopping(self) -> None:
        if self._events.stopping:
            for group in self._groups:
                group.pending.clear()

    def _hear(self, group: Group, worker: Worker) -> None:
        try:
            message = worker.channel.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            self._died(group, worker)
            return
        match message:
            case Doing():
                worker.doing, worker.doing_since = message, time.monotonic()
            case Ready():
                worker.began = True
                self._events.ready(message)
                group.idle.append(worker)
            case Done():
                job, seconds, printed = worker.job, time.monotonic() - worker.since, worker.printed()
                assert job is not None
                if job.sweep:
                    self._events.swept(job.scenario, message)
                else:
                    self._events.done(job.scenario, message, printed, seconds)
                worker.job = None
                group.idle.append(worker)
            case Ended():
                self._remove(group, worker)
                if worker.job is not None:  # interrupted between two messages
                    self._events.died(worker.job.scenario, "interrupted", worker.printed())
                self._events.ended(message, worker.printed())
                if not worker.began:
                    self._give_up(group, "its preparation failed", "")

    def _hand_out_to_idle(self, group: Group) -> None:
        while group.idle:
            worker = group.idle.popleft()
            if not self._hand_out(group, worker):
                group.idle.appendleft(worker)
                return

    def _hand_out(self, group: Group, worker: Worker) -> bool:
        """Give a worker its next job, or let it end; False: it has to wait."""
        self._begin_nothing_if_stopping()
        jobs = group.sweeps or group.pending
        if jobs and not self._crowd.lets_in(sum(each.job is not None for each in self._workers())):
            return False
        job = jobs.popleft() if jobs else None
        if job is None:
            group.ending.add(id(worker))
        elif not job.sweep:
            self._events.began(job.scenario)
        try:
            worker.give(job)
        except OSError:
            self._died(group, worker)
        return True

    def _died(self, group: Group, worker: Worker) -> None:
        how, printed, job = self._remove(group, worker), worker.printed(), worker.job
        if not worker.began:
            self._give_up(group, how, printed)
        elif job is None:
            self._events.failed(f"a worker was lost at its end: {how}", printed)
        elif job.sweep:
            self._events.swept(job.scenario, None)
        else:
            step = f" in the step {worker.doing.step!r}" if worker.doing.step else ""
            wait = f", waiting for {worker.doing.wait}" if worker.doing.wait else ""
            self._events.died(job.scenario, f"{how}{step}{wait}", printed)
            group.sweeps.append(Job(job.scenario, sweep=True))

    def _give_up(self, group: Group, how: str, printed: str) -> None:
        """What stopped one worker from beginning will stop the next."""
        group.pending.clear()
        self._events.failed(f"a worker did not begin: {how}", printed)
        while group.sweeps:
            self._events.swept(group.sweeps.popleft().scenario, None)

    def _remove(self, group: Group, worker: Worker) -> str:
        group.workers.remove(worker)
        if worker in group.idle:
            group.idle.remove(worker)
        group.ending.discard(id(worker))
        group.free.append(worker.place)
        return worker.bury()
