"""Frozen values as `@dataclass(frozen=True, slots=True)` makes them, with each method made when it is first needed.

The standard library compiles six functions for every class that it decorates, and loads `inspect` to do so: half a
millisecond to one for each, and a start of the program knows more than a hundred. Here a class costs a tenth of that;
its `__init__` is compiled when the first value is made. `dataclasses.replace`, `fields` and `asdict` work as ever.

Only what this project uses is here: frozen, with slots; annotations as texts (`from __future__ import annotations`).
"""

from __future__ import annotations

from operator import attrgetter

TYPE_CHECKING = False
"""True for a type checker; see `levelhead`."""

if TYPE_CHECKING:  # a type checker takes these for the standard library's, which they stand in for
    from collections.abc import Callable
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from typing import Any

_NOTHING = object()


class _Field:
    """How one field is made: its default, or what makes one, whether `repr` and `==` look at it; its annotation."""

    __slots__ = ("compare", "default", "factory", "repr", "said")

    def __init__(
        self, default: Any = _NOTHING, factory: Any = _NOTHING, *, repr: bool = True, compare: bool = True
    ):
        self.default, self.factory, self.repr, self.compare = default, factory, repr, compare
        self.said = ""


class _Plan:
    """What is known of a class: its fields by name, those of its bases first, and how its values are made."""

    def __init__(self, cls: type, kw_only: bool) -> None:
        self.kw_only = kw_only
        self.own = {
            name: _field_of(cls, name, said)
            for name, said in cls.__annotations__.items()
            if not said.startswith("ClassVar")
        }
        self.fields: dict[str, _Field] = {}
        for base in reversed(cls.__mro__[1:]):
            if (plan := base.__dict__.get("__value__")) is not None:
                self.fields |= plan.own
        self.fields |= self.own
        names = tuple(name for name, one in self.fields.items() if one.compare)
        # With one name `attrgetter` answers the value alone, with none it does not answer.
        self.taken: Callable[[Any], tuple[Any, ...]] = (
            attrgetter(*names)
            if len(names) > 1
            else lambda value: tuple(getattr(value, name) for name in names)
        )

    def init(self, cls: type) -> Callable[..., None]:
        """The `__init__` of the class, compiled."""
        known: dict[str, Any] = {"_set": object.__setattr__, "_nothing": _NOTHING}
        taken, lines = ["self"], []
        if self.kw_only and self.fields:
            taken.append("*")
        for name, one in self.fields.items():
            value = name
            if one.default is not _NOTHING:
                known[f"_default_{name}"] = one.default
                taken.append(f"{name}=_default_{name}")
            elif one.factory is not _NOTHING:
                known[f"_make_{name}"] = one.factory
                taken.append(f"{name}=_nothing")
                value = f"_make_{name}() if {name} is _nothing else {name}"
            else:
                taken.append(name)
            lines.append(f" _set(self, {name!r}, {value})")
        if hasattr(cls, "__post_init__"):
            lines.append(" self.__post_init__()")
        source = f"def __init__({', '.join(taken)}):\n" + "\n".join(lines or [" pass"])
        # As the standard library does it; the text consists of the names in the class's own source.
        exec(source, known)  # noqa: S102
        made: Callable[..., None] = known["__init__"]
        made.__qualname__ = f"{cls.__qualname__}.__init__"
        made.__module__ = cls.__module__
        return made

    def twin(self, cls: type) -> type:
        """The same class as the standard library makes it, for those who ask it about fields."""
        import dataclasses

        fields = []
        for name, one in self.fields.items():
            given: dict[str, Any] = {"repr": one.repr, "compare": one.compare, "kw_only": self.kw_only}
            if one.default is not _NOTHING:
                given["default"] = one.default
            if one.factory is not _NOTHING:
                given["default_factory"] = one.factory
            fields.append((name, one.said, dataclasses.field(**given)))
        return dataclasses.make_dataclass(cls.__name__, fields, frozen=True)


class _AsTheLibrary:
    """An attribute of the standard library's dataclasses, made when it is asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, value: object, cls: type) -> Any:
        owner = next(base for base in cls.__mro__ if "__value__" in base.__dict__)
        twin = owner.__dict__["__value__"].twin(owner)
        for name in ("__dataclass_fields__", "__dataclass_params__"):
            setattr(owner, name, getattr(twin, name))
        return getattr(twin, self.name)


def _field_of(cls: type, name: str, said: str) -> _Field:
    default = cls.__dict__.get(name, _NOTHING)
    if default is not _NOTHING and default.__class__.__hash__ is None:
        raise ValueError(f"the default of {cls.__name__}.{name} can change; write field(default_factory=...)")
    found = default if isinstance(default, _Field) else _Field(default)
    found.said = said
    return found


def _no_change(value: Any, name: str, _: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _no_loss(value: Any, name: str) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _repr(value: Any) -> str:
    fields = type(value).__value__.fields
    said = ", ".join(f"{name}={getattr(value, name)!r}" for name, one in fields.items() if one.repr)
    return f"{type(value).__qualname__}({said})"


def _replaced(value: Any, /, **changes: Any) -> Any:
    from dataclasses import replace

    return replace(value, **changes)


def _state(value: Any) -> list[Any]:
    return [getattr(value, name) for name in type(value).__value__.fields]


def _set_state(value: Any, state: list[Any]) -> None:
    for name, item in zip(type(value).__value__.fields, state, strict=True):
        object.__setattr__(value, name, item)


def _made(cls: type, kw_only: bool) -> type:
    """The class with slots for its fields and what a value can do; a method that it has itself stays."""
    plan = _Plan(cls, kw_only)
    taken = plan.taken
    body = {name: value for name, value in cls.__dict__.items() if name not in plan.own}
    body.pop("__dict__", None)
    body.pop("__weakref__", None)

    def __init__(self: Any, *given: Any, **named: Any) -> None:
        made.__init__ = init = plan.init(made)  # type: ignore[misc]  # from now on
        init(self, *given, **named)

    def __eq__(self: Any, other: Any) -> Any:
        if other.__class__ is self.__class__:
            return taken(self) == taken(other)
        return NotImplemented

    def __hash__(self: Any) -> int:
        return hash(taken(self))

    body |= {
        "__slots__": tuple(plan.own),
        "__value__": plan,
        "__match_args__": () if kw_only else tuple(plan.fields),
    }
    if body.get("__hash__") is None:
        body["__hash__"] = __hash__
    methods: dict[str, Any] = {
        "__init__": __init__, "__eq__": __eq__, "__repr__": _repr, "__replace__": _replaced,
        "__getstate__": _state, "__setstate__": _set_state, "__setattr__": _no_change, "__delattr__": _no_loss,
        "__dataclass_fields__": _AsTheLibrary("__dataclass_fields__"),
        "__dataclass_params__": _AsTheLibrary("__dataclass_params__"),
    }  # fmt: skip
    made = type(cls)(cls.__name__, cls.__bases__, methods | body)
    made.__qualname__ = cls.__qualname__
    return made


if not TYPE_CHECKING:

    def field(*, default=_NOTHING, default_factory=_NOTHING, repr=True, compare=True):
        """A field with what makes its default, or that `repr` or `==` (with `hash`) leaves out."""
        return _Field(default, default_factory, repr=repr, compare=compare)

    def dataclass(*, frozen, slots, kw_only=False):
        """Make a class of values; both `frozen` and `slots` are True and stand there for the reader."""
        if not (frozen and slots):
            raise ValueError(
                "only frozen values with slots are made here; take dataclasses.dataclass for others"
            )
        return lambda cls: _made(cls, kw_only)
