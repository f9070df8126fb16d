"""The words of filters: what may be asked about a noun, the tree that a filter becomes, and what is wrong with one.

Values only. A tree is typed and checked when it is made; whoever compiles one need not doubt it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from apps.core.types import Feature, FieldError, Malformed

if TYPE_CHECKING:
    from django.db.models.expressions import Combinable

Read: TypeAlias = Callable[[Feature], object]


class Type(enum.StrEnum):
    """What a value is. ``ANY`` is a member of an open object: it takes the type of what it is compared with."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    DATE = "date"
    INTERVAL = "interval"
    GEOMETRY = "geometry"
    STRING_ARRAY = "string-array"
    UUID = "uuid"
    ANY = "any"


class FilterError(Malformed):
    """A filter that cannot be read, or that asks for what there is not (400); ``errors`` say where and why."""

    code = "invalid_filter"

    def __init__(self, detail: str, *, code: str = "invalid_filter", pointer: str = "") -> None:
        super().__init__(detail, errors=[FieldError(pointer=pointer, code=code, detail=detail)])

    def at(self, prefix: str) -> FilterError:
        """Return the same error, its place given below ``prefix`` (``?filter``, ``/filter``)."""
        first = self.errors[0]
        pointer = prefix if prefix.startswith("?") else prefix + first.pointer
        return FilterError(first.detail, code=first.code, pointer=pointer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queryable:
    """One thing that may be asked about a noun.

    ``lookup`` is where SQL finds it: a Django lookup path from the noun's model (``kind__slug``), which is the name
    unless told otherwise, or an expression. An interval is a range column that is never null, or the two instants
    ``lookup`` and ``until`` (null is open), half-open. ``read`` is where Python finds it in a ``Feature``: a path
    (``properties.name``, which is the default), or a function; an interval may be a pair of instants, ``None`` open.
    Both must give the same value, ``None`` for null. With ``read=None`` it is no part of the feature, and only lists
    can be asked about it.

    ``unit`` is a UCUM symbol (``m/s``, ``s``, ``deg``). ``geometry`` says what shapes a geometry may be: ``point``,
    ``polygon`` or ``any``. ``is_sortable`` needs a plain lookup that is never null. ``tells`` names fields that it
    would give away: where one of them is hidden, it is too.
    """

    name: str
    type: Type
    lookup: str | Combinable = ""
    until: str = ""
    read: str | Read | None = ""
    unit: str = ""
    title: str = ""
    description: str = ""
    geometry: str = "any"
    enum: tuple[str | int, ...] = ()
    is_sortable: bool = False
    tells: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "type", Type(self.type))
        object.__setattr__(self, "lookup", self.lookup or self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Where a noun keeps its heights (metres), as names of its queryables; ``None`` where it has no datum.

    With ``is_open`` a missing height is no bound at all; otherwise nothing is known of it.
    """

    lower: str
    upper: str
    lower_datum: str | None = None
    upper_datum: str | None = None
    is_open: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Queryables:
    """What may be asked about one noun, by name.

    ``open_properties`` names the queryables that are open objects: below them every member may be asked for
    (``attributes.length_m``). ``valid_time`` names the instant or interval that ``datetime`` and ``active_at`` mean,
    ``active`` a flag that must be true as well; ``place`` the geometry that ``bbox`` means; ``band`` the heights of
    ``altitude_overlaps``.
    """

    noun: str
    by_name: Mapping[str, Queryable]
    open_properties: Collection[str] = ()
    valid_time: str | None = None
    active: str | None = None
    place: str | None = None
    band: Band | None = None
    hidden: frozenset[str] = frozenset()

    def without(self, hidden: Collection[str]) -> Queryables:
        """Return the same without some names, and what tells of them: as if there were no such things."""
        if not hidden:
            return self
        telling = (each.name for each in self.by_name.values() if not frozenset(hidden).isdisjoint(each.tells))
        return replace(self, hidden=self.hidden.union(hidden, telling))

    def find(self, name: str) -> tuple[Queryable, str | None] | None:
        """Return the queryable of that name, with the member asked for below an open one; ``None`` for none."""
        if name in self.hidden:
            return None
        if name in self.by_name:
            return self.by_name[name], None
        head, dot, member = name.partition(".")
        if dot and member and head in self.open_properties and head not in self.hidden:
            return self.by_name[head], member
        return None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the names that may be asked for, sorted."""
        return tuple(sorted(name for name in self.by_name if name not in self.hidden))

    @cached_property
    def sortable(self) -> Mapping[str, str]:
        """Return what may be sorted by: names to lookups."""
        return {
            name: queryable.lookup
            for name in self.names
            if (queryable := self.by_name[name]).is_sortable and isinstance(queryable.lookup, str)
        }


# What every row has, beside its own.
ROW: Final = (
    Queryable(name="id", type=Type.UUID, read="id", is_sortable=True),
    Queryable(name="recorded_at", type=Type.INSTANT, read=None, title="Recorded", is_sortable=True),
    Queryable(name="changed_at", type=Type.INSTANT, read=None, title="Changed"),
)
OWNED: Final = (*ROW, Queryable(name="organisation_id", type=Type.UUID, read="organisation_id", title="Owner"))


def queryables(noun: str, *members: Queryable, **kwargs: Any) -> Queryables:
    """Return the queryables of a noun, from its members and the fields of ``Queryables``."""
    return Queryables(noun=noun, by_name={each.name: each for each in members}, **kwargs)


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it was written: text, float, bool, aware UTC instant, date, UUID, shapely geometry; ``None`` is null.

    ``written`` is its CQL2 JSON where that cannot be told from the value (a box, a date that stands for an instant).
    """

    type: Type
    value: Any
    written: Any = field(default=None, compare=False, hash=False)


@dataclass(frozen=True, slots=True)
class Property:
    """A queryable, or with ``member`` a member of an open one, read as ``type``."""

    type: Type
    queryable: Queryable
    member: str | None = None

    @property
    def name(self) -> str:
        """Return the name as it is written in a filter."""
        return self.queryable.name if self.member is None else f"{self.queryable.name}.{self.member}"


@dataclass(frozen=True, slots=True)
class Variable:
    """A typed parameter (``${user.clearance}``), bound when the filter is compiled; null where nothing is bound."""

    type: Type
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or a function of CQL2, by its JSON name, over checked arguments.

    ``meaning`` is the same in simpler words where a function is only a short way to say it; back ends read that.
    """

    type: Type
    op: str
    args: tuple[Node, ...]
    meaning: Node | None = field(default=None, compare=False, hash=False)


Node: TypeAlias = Literal | Property | Variable | Call


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A checked filter over one noun. Two that mean the same tree are equal, and hash alike.

    ``text`` is CQL2 text, ``json`` CQL2 JSON, both normalised: parsing either gives an equal filter.
    """

    noun: str
    text: str
    root: Node = field(compare=False, repr=False)
    json: Any = field(compare=False, repr=False)
    properties: frozenset[str] = field(default=frozenset(), compare=False)
    variables: frozenset[tuple[str, Type]] = frozenset()
    uses_clock: bool = field(default=False, compare=False)


Values: TypeAlias = Mapping[str, object]
Predicate: TypeAlias = Callable[[Feature], bool | None]
