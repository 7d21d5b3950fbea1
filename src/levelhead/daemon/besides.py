"""What is paid besides: the judge works while one pass over the mailboxes brings more, as it does in the daemon."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import structlog

from levelhead.daemon.crew import OURS
from levelhead.outbox.work import Worker

log = structlog.get_logger()


@contextmanager
def paying(worker: Worker, wake: threading.Event, stop: threading.Event) -> Iterator[None]:
    """Have `worker` pay in a thread of its own for as long as this lasts, or until `stop`.

    `wake` is set by whoever makes debts. What is in the way of paying (a full disk, a lock) is met again by who pays
    afterwards, and told then. Any other error of the worker is raised at the end, unless the pass has one of its own.
    """
    over = threading.Event()

    def pay() -> None:
        try:
            while not over.is_set() and not stop.is_set():
                wake.clear()
                if not worker.pay() and not over.is_set():
                    wake.wait()
        except OURS as exc:
            log.info("judging.later", error=type(exc).__name__)

    def end() -> None:
        over.set()
        wake.set()

    with ThreadPoolExecutor(1, "besides") as pool:
        paid = pool.submit(pay)
        try:
            yield
        except BaseException:
            end()
            if (trouble := paid.exception()) is not None:
                log.error("judging.failed", exc_info=trouble)
            raise
        end()
    paid.result()
