"""What was read when a message was recorded is at hand for the judge, within bounds, and nothing depends on it."""

from __future__ import annotations

from levelhead.archive.ahead import EACH, Ahead
from levelhead.heat.heard import LATELY, hear, packed
from levelhead.model import UNREAD, Parsed

HEARD = hear("", "You are an idiot.", "en")


def read(text: str = "You are an idiot.", **rest: object) -> Parsed:
    return Parsed(new_text=text, heard=packed(HEARD), **rest)  # type: ignore[arg-type]


def test_what_was_kept_is_given_once_and_how_it_reads_after_that() -> None:
    ahead = Ahead()
    ahead.keep("a", read())
    assert ahead.heard("a") is None, "nobody has taken it"
    assert ahead.parsed("a") == read()
    assert ahead.parsed("a") is None
    assert ahead.heard("a") == HEARD, "whoever judges asks more than once"
    assert ahead.heard("a") == HEARD


def test_what_nobody_kept_is_not_known() -> None:
    assert Ahead().parsed("a") is None
    assert Ahead().heard("a") is None


def test_when_there_is_no_room_the_oldest_stay_because_they_are_asked_for_next() -> None:
    ahead = Ahead(limit=3 * EACH)
    for id in "abc":
        ahead.keep(id, Parsed(new_text="x" * 100))
    assert ahead.parsed("c") is None
    assert ahead.parsed("a") is not None
    ahead.keep("d", Parsed())
    assert ahead.parsed("b") is not None
    assert ahead.parsed("d") is not None


def test_who_was_passed_over_is_forgotten_and_makes_room() -> None:
    ahead = Ahead(limit=3 * EACH)
    for id in "abc":
        ahead.keep(id, Parsed())
    assert ahead.parsed("c") is not None
    assert ahead.parsed("a") is None
    for id in "def":
        ahead.keep(id, Parsed())
    assert ahead.parsed("f") is not None, "there was room for three again"


def test_a_message_that_could_not_be_read_is_not_kept() -> None:
    ahead = Ahead()
    ahead.keep("a", read(defects=(f"{UNREAD}: timed out",)))
    assert ahead.parsed("a") is None


def test_how_messages_read_that_nobody_asked_about_does_not_pile_up() -> None:
    ahead = Ahead()
    for number in range(LATELY + 1):
        ahead.keep(f"{number}", read())
        ahead.parsed(f"{number}")
    assert ahead.heard("0") is None
    assert ahead.heard("1") == HEARD


def test_nonsense_is_found_out_anew() -> None:
    ahead = Ahead()
    ahead.keep("a", Parsed(heard="[1, 2]"))
    ahead.parsed("a")
    assert ahead.heard("a") is None


def test_what_was_heard_of_other_words_is_found_out_anew() -> None:
    ahead = Ahead()
    ahead.keep("a", read("Thank you, all is well."))
    ahead.parsed("a")
    assert ahead.heard("a") is None


def test_how_long_messages_read_does_not_pile_up_and_is_forgotten_at_rest() -> None:
    long = "You are an idiot. " * 1_000
    heard = packed(hear("", long, "en"))
    ahead = Ahead(limit=len(long) + len(heard) + EACH)
    for id in "ab":
        ahead.keep(id, Parsed(new_text=long, heard=heard))
        ahead.parsed(id)
    ahead.keep("c", Parsed(new_text=long, heard=heard))
    ahead.parsed("c")
    assert [ahead.heard(id) is not None for id in "abc"] == [False, True, True]
    ahead.rest()
    assert ahead.heard("c") is None


def test_at_rest_nothing_is_kept_and_there_is_room_for_as_much_as_at_first() -> None:
    ahead = Ahead(limit=2 * EACH)
    for id in "ab":
        ahead.keep(id, Parsed())
    ahead.rest()
    assert (ahead.parsed("a"), ahead.parsed("b")) == (None, None)
    for id in "cd":
        ahead.keep(id, Parsed())
    assert ahead.parsed("d") is not None
