"""The kill sweep: the process dies around every step in turn, starts again, and nothing is lost or doubled."""

from __future__ import annotations

import itertools
from contextlib import contextmanager

import pytest

from levelhead.lifecycle import AlertState, DraftState
from levelhead.model import Direction


class Killed(BaseException):
    """The end of a process; no `except Exception` stops it."""


class Fuse:
    """Kills at the `at`-th step; counts the steps when `at` is None."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps - 1 == self.at:
            raise Killed

    def around(self, call):
        def stepped(*args, **more):
            self.step()
            result = call(*args, **more)
            self.step()
            return result

        return stepped


class Dying:
    """Something whose calls are steps; a transaction is one step before and one after its commit."""

    def __init__(self, inner, fuse: Fuse, names: tuple[str, ...]) -> None:
        self._inner, self._fuse, self._names = inner, fuse, names

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if name == "transaction":
            return self._transaction
        return self._fuse.around(found) if name in self._names else found

    @contextmanager
    def _transaction(self, now):
        self._fuse.step()
        with self._inner.transaction(now) as tx:
            yield tx
        self._fuse.step()


def life(office, fuse: Fuse, until) -> None:
    """One life of the process: it works until everything due is paid, or dies."""
    office.wrap = lambda store: Dying(store, fuse, ("claim",))
    office.wrap_folder = lambda folder: Dying(folder, fuse, ("open", "find", "append", "fetch", "remove"))
    deliver = type(office.panel).deliver
    office.panel.deliver = fuse.around(lambda *args: deliver(office.panel, *args))
    try:
        until(office)
    except Killed:
        office.restart()
    finally:
        office.wrap = lambda store: store
        office.wrap_folder = lambda folder: folder
        del office.panel.deliver


def sweep(swift_path, new_office, before, act, check) -> int:
    """Kill `act` at every step in turn, pay what is due in a second life, check; returns how many steps there are."""
    for at in itertools.count():
        folder = swift_path / str(at)
        folder.mkdir()
        office = new_office(folder / "index.sqlite")
        before(office)
        fuse = Fuse(at)
        life(office, fuse, act)
        survived = fuse.steps <= at
        office.pay()
        check(office)
        office.raw_store.close()
        if survived:
            return at
    raise AssertionError


def arrived(office) -> None:
    office.arrive("first")


def held_and_due(office) -> None:
    office.arrive("first")
    office.pay()
    office.clock.advance(hours=4)


def placed_and_answered(office) -> None:
    held_and_due(office)
    office.pay()
    assert office.the_draft().state == DraftState.PLACED
    office.arrive("reply", direction=Direction.OUT)


def test_a_message_is_judged_exactly_once_wherever_the_process_dies(swift_path, new_office):
    def check(office):
        assert office.facts().count("message.judged") == 1
        assert office.facts().count("draft.held") == 1 == office.facts().count("alert.raised")
        assert office.the_draft().state == DraftState.HELD and office.the_alert().state == AlertState.OPEN
        assert len(office.jobs()) == 2

    assert sweep(swift_path, new_office, arrived, lambda office: office.pay(), check) >= 4


@pytest.mark.parametrize("tells_uid", [True, False])
def test_a_draft_is_placed_exactly_once_wherever_the_process_dies(swift_path, new_office, tells_uid):
    def before(office):
        office.drafts.tells_uid = tells_uid
        held_and_due(office)

    def check(office):
        assert len(office.drafts.kept) == 1 and office.drafts.appended == 1
        assert office.the_draft().state == DraftState.PLACED
        assert office.facts().count("draft.placed") == 1

    steps = sweep(swift_path, new_office, before, lambda office: office.worker("mailbox:work").pay(), check)
    assert steps >= 16


def test_a_placed_draft_is_removed_wherever_the_process_dies(swift_path, new_office):
    def check(office):
        assert office.drafts.kept == {}
        # Killed between the removal and its fact, it only knows that the draft is not there any more.
        assert office.the_draft().state in (DraftState.REMOVED, DraftState.HANDLED)
        assert office.the_alert().state == AlertState.ANSWERED

    assert sweep(swift_path, new_office, placed_and_answered, lambda office: office.pay(), check) >= 12


def test_an_alert_reaches_every_rung_and_at_most_repeats_under_its_key(swift_path, new_office):
    def before(office):
        office.arrive("first")
        office.pay()
        office.clock.advance(minutes=1)

    def check(office):
        office.pass_time(hours=1)
        told = office.panel.delivered
        key = office.the_alert().key
        assert set(told) == {("phone", key, 0), ("partner", key, 1)}
        assert len(told) <= 3

    assert sweep(swift_path, new_office, before, lambda office: office.pay(), check) >= 8
