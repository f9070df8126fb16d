"""Functions of ours that only say shortly what the operators of CQL2 can say too: their meaning in those."""

from __future__ import annotations

from apps.filters.types import Call, Literal, Node, Property, Queryables, Type


def active_at(at: Node, queryables: Queryables) -> Node | None:
    """Return "in force at this instant": within the valid time, its end left out, and switched on.

    ``None`` for a noun without a valid time that lasts, or where it is hidden.
    """
    validity = _property(queryables, queryables.valid_time)
    if validity is None or validity.type is not Type.INTERVAL:
        return None
    holds: Node = Call(Type.BOOLEAN, "holds_at", (validity, at))
    if queryables.active is not None:
        active = _property(queryables, queryables.active)
        if active is None:
            return None
        holds = Call(Type.BOOLEAN, "and", (active, holds))
    return Call(Type.BOOLEAN, "active_at", (at,), meaning=holds)


def altitude_overlaps(low: Node, high: Node, datum: str | None, queryables: Queryables) -> Node | None:
    """Return "shares a height with [low, high]", the ends included; ``None`` for a noun without heights.

    A bound above another datum than the one asked for cannot be compared, and does not exclude.
    """
    band = queryables.band
    if band is None:
        return None
    lower, upper = _property(queryables, band.lower), _property(queryables, band.upper)
    lower_datum, upper_datum = _property(queryables, band.lower_datum), _property(queryables, band.upper_datum)
    if lower is None or upper is None or (datum is not None and None in (lower_datum, upper_datum)):
        return None
    is_open = band.is_open
    meets_lower = _or_unbound(Call(Type.BOOLEAN, "<=", (lower, high)), lower_datum, datum, is_open=is_open)
    meets_upper = _or_unbound(Call(Type.BOOLEAN, ">=", (upper, low)), upper_datum, datum, is_open=is_open)
    said = (Literal(Type.STRING, datum),) if datum is not None else ()
    meaning = Call(Type.BOOLEAN, "and", (meets_lower, meets_upper))
    return Call(Type.BOOLEAN, "altitude_overlaps", (low, high, *said), meaning=meaning)


def _or_unbound(meets: Call, bound_datum: Node | None, datum: str | None, *, is_open: bool) -> Node:
    """Return the comparison of a bound with a height, or else that the bound does not count."""
    ways: list[Node] = [Call(Type.BOOLEAN, "isNull", meets.args[:1])] if is_open else []
    if bound_datum is not None and datum is not None:
        ways.append(Call(Type.BOOLEAN, "<>", (bound_datum, Literal(Type.STRING, datum))))
    return Call(Type.BOOLEAN, "or", (*ways, meets)) if ways else meets


def _property(queryables: Queryables, name: str | None) -> Property | None:
    found = queryables.find(name) if name else None
    return Property(found[0].type, found[0]) if found else None
