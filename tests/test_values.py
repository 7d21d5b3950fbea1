"""Frozen values are what the standard library's dataclasses are, and cost a start next to nothing."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar

import pytest

from levelhead import facts, model
from levelhead.clients import directory, imitation, patterns
from levelhead.facts import evidence, walk
from levelhead.store import api_rows
from levelhead.values import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """A value with every kind of field."""

    many: int = 0
    kind: ClassVar[str] = "a kind"
    name: str
    marks: Mapping[str, int] = field(default_factory=dict)
    hidden: str = field(default="", repr=False)
    beside: str = field(default="", compare=False)

    @property
    def loud(self) -> str:
        return self.name.upper()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """The same, as the standard library makes it."""

    many: int = 0
    kind: ClassVar[str] = "a kind"
    name: str
    marks: Mapping[str, int] = dataclasses.field(default_factory=dict)
    hidden: str = dataclasses.field(default="", repr=False)
    beside: str = dataclasses.field(default="", compare=False)

    @property
    def loud(self) -> str:
        return self.name.upper()


@dataclass(frozen=True, slots=True)
class Checked:
    """A value that may be positional and looks at what it is given."""

    label: str
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.share > 1:
            raise ValueError("too much")
        object.__setattr__(self, "label", self.label.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What another value builds on."""

    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown(Base):
    """A value with a field more."""

    second: int = 2


@dataclass(frozen=True, slots=True)
class Nothing:
    """A value without fields."""


@dataclass(frozen=True, slots=True)
class Single:
    """A value with one field."""

    only: tuple[str, ...] = ()


def test_a_value_is_told_compared_and_counted_as_the_standard_library_does_it() -> None:
    for given in ({"name": "a"}, {"name": "a", "many": 3, "hidden": "h", "beside": "b"}):
        assert repr(Ours(**given)) == repr(Theirs(**given)).replace("Theirs", "Ours")  # type: ignore[arg-type]
    one, other = Ours(name="a", beside="x"), Ours(name="a", beside="y")
    assert (one == other, one == Ours(name="b"), one == Theirs(name="a")) == (True, False, False)
    assert one != "a"
    assert one.marks is not other.marks
    assert hash(Checked("a", 0.5)) == hash(Checked(" a ", 0.5)) == hash(("a", 0.5))
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)
    assert (hash(Single(("a",))), Nothing(), hash(Nothing())) == (hash((("a",),)), Nothing(), hash(()))
    assert Single(("a",)) != Single(("b",))
    assert (one.loud, Ours.kind, Ours.__doc__) == ("A", "a kind", "A value with every kind of field.")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "missing 1 required keyword-only argument: 'name'"),
        ({"name": "a", "more": 1}, "unexpected keyword argument"),
    ],
)
def test_a_wrong_argument_is_told_as_the_standard_library_tells_it(given: dict[str, Any], said: str) -> None:
    for kind in (Ours, Theirs):
        with pytest.raises(TypeError, match=rf"{kind.__name__}\.__init__\(\).*{said}"):
            kind(**given)
    with pytest.raises(TypeError, match="positional"):
        Ours("a")  # type: ignore[misc]


def test_a_value_cannot_be_changed() -> None:
    for change in (
        lambda: setattr(Ours(name="a"), "name", "b"),
        lambda: setattr(Ours(name="a"), "more", "b"),
        lambda: delattr(Ours(name="a"), "name"),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()
    assert not hasattr(Ours(name="a"), "__dict__")


def test_what_a_value_checks_when_it_is_made_is_checked() -> None:
    assert Checked(" a ") == Checked("a", 1.0)
    with pytest.raises(ValueError, match="too much"):
        Checked("a", 2.0)


def test_a_value_that_builds_on_another_has_the_fields_of_both() -> None:
    assert repr(Grown(first="a")) == "Grown(first='a', second=2)"
    assert Grown(first="a") != Base(first="a")
    assert [one.name for one in dataclasses.fields(Grown)] == ["first", "second"]
    assert [one.name for one in dataclasses.fields(Base)] == ["first"]


def test_a_value_can_be_sent_to_another_process_and_copied() -> None:
    for value in (Ours(name="a", many=2, marks={"x": 1}), Checked("a"), Nothing(), Grown(first="a")):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(value, protocol)) == value
        assert deepcopy(value) == value


def test_the_tools_of_the_standard_library_take_a_value_for_one_of_theirs() -> None:
    one = Ours(name="a", many=2)
    assert dataclasses.is_dataclass(one)
    assert dataclasses.replace(one, many=3) == Ours(name="a", many=3)
    assert one.__replace__(many=3) == Ours(name="a", many=3)  # type: ignore[attr-defined]  # `copy.replace`, Python 3.13
    assert dataclasses.asdict(one) == dataclasses.asdict(Theirs(name="a", many=2))
    with pytest.raises(ValueError, match="too much"):
        dataclasses.replace(Checked("a"), share=2.0)
    match Checked("a", 0.5):
        case Checked(label, share):
            assert (label, share) == ("a", 0.5)


def told(kind: type) -> list[tuple[Any, ...]]:
    return [
        (one.name, one.type, one.default, one.default_factory, one.repr, one.compare, one.kw_only, one.init)
        for one in dataclasses.fields(kind)
    ]


def test_the_fields_are_told_as_the_standard_library_tells_them() -> None:
    assert told(Ours) == told(Theirs)


def test_a_default_that_can_change_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Wrong\.items can change; write field\(default_factory=\.\.\.\)"):

        @dataclass(frozen=True, slots=True)
        class Wrong:
            items: list[str] = []  # noqa: RUF012 - that is what is refused


def test_what_could_change_is_not_made_here() -> None:
    with pytest.raises(ValueError, match="only frozen values with slots"):
        dataclass(frozen=False, slots=True)(Nothing)


@pytest.mark.parametrize(
    "room", [model, api_rows, directory, imitation, patterns, walk, evidence, facts.base]
)
def test_every_class_of_values_has_the_fields_that_it_writes_down(room: Any) -> None:
    kinds = [
        kind
        for kind in vars(room).values()
        if isinstance(kind, type) and kind.__module__ == room.__name__ and dataclasses.is_dataclass(kind)
    ]
    assert kinds
    for kind in kinds:
        written = [name for name, said in kind.__annotations__.items() if not said.startswith("ClassVar")]
        assert [one.name for one in dataclasses.fields(kind)][-len(written) :] == written or not written


def test_no_value_needs_the_standard_librarys_machinery_to_be_made() -> None:
    said = (
        "import sys; from levelhead.model import Address; from levelhead.facts import NoteTaken;"
        "assert str(Address(address='a@b.example', name='A')) == 'A <a@b.example>';"
        "sys.exit(str({'dataclasses', 'inspect'} & sys.modules.keys()) if 'dataclasses' in sys.modules else 0)"
    )
    assert subprocess.run([sys.executable, "-c", said], capture_output=True, check=False).returncode == 0
