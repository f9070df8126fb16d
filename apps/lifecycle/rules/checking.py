"""What makes a definition nonsense though its form is right: names, ways, dead ends, chance and endless loops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import combinations
from typing import Any, Final

from apps.lifecycle.rules.reading import Marks, Path
from apps.lifecycle.types import Category, Definition, Mistake, Move

Fault = tuple[Path, str, str]
# Two filters of which at most one can be true of the same thing.
AreDisjoint = Any
# What an effect tells of an object: the kind of the effect, and the word in the type of its event.
TELLING: Final = {"webhook": "signalled", "notify": "notified"}
TRIGGERS: Final = ("action", "timer", "event", "condition", "outcome")


def mistakes(
    definition: Definition, marks: Marks, conditions: Mapping[tuple[str, str], Any], *, own: str = ""
) -> list[Mistake]:
    """Return everything that is wrong, in the order of the text.

    ``conditions`` holds the CQL2 JSON of the filters that could be read, by move and place (``match``, ``when``,
    ``if``): with them, two automatic moves may turn out never to meet. ``own`` is how the types of the noun's own
    events begin (``watchfloor.incident.``), where that is known: what a move tells may make the next.
    """
    faults = [
        *_names(definition),
        *_ways(definition),
        *_ends(definition),
        *_triggers(definition),
        *_chance(definition, conditions, own),
        *_loops(definition, conditions, own),
    ]
    found = {marks.mistake(path, detail, code=code) for path, code, detail in faults}
    return sorted(found, key=lambda mistake: (mistake.line, mistake.column, mistake.detail))


def reachable(definition: Definition) -> set[str]:
    """Return the states that an object can come to, the first one included."""
    reached: set[str] = set()
    frontier = {definition.initial}
    while frontier:
        reached |= frontier
        frontier = {move.target for move in definition.moves.values() if reached & set(move.sources)} - reached
    return reached


def _names(definition: Definition) -> Iterator[Fault]:
    stamps = {state.stamps for state in definition.states.values() if state.stamps}
    yield from _unknown(("initial",), [definition.initial], definition)
    for move in definition.moves.values():
        path = ("transitions", move.name)
        for index, source in enumerate(move.sources):
            yield from _unknown((*path, "from", index), [source], definition)
        yield from _unknown((*path, "to"), [move.target], definition)
        for index, name in enumerate(move.clears):
            if name not in stamps:
                yield (*path, "clears", index), "unknown_stamp", f"No state stamps «{name}»."
        for index, state in enumerate(move.timer.states if move.timer else ()):
            if state not in move.sources:
                yield (*path, "timer", "in", index), "unknown_state", f"It does not start from «{state}»."
        yield from _answers(move)


def _unknown(path: Path, states: Iterable[str], definition: Definition) -> Iterator[Fault]:
    for state in states:
        if state not in definition.states:
            yield path, "unknown_state", f"There is no state «{state}»."


def _answers(move: Move) -> Iterator[Fault]:
    path, asked = ("transitions", move.name), (move.form or {}).get("properties", {})
    for each in move.sets:
        if each.answer is not None and each.answer not in asked:
            place = (*path, "effects", each.place)
            yield place, "unknown_answer", f"The form asks for no «{each.answer}»."
        if each.answer is not None and _moves_without_hands(move):
            yield (*path, "effects", each.place), "nobody_asked", "Not only a hand makes it, and nobody else answers."
    if move.form is not None and move.action is None:
        yield (*path, "form"), "nobody_asked", "Nobody is asked: it has no action."
    if move.timer is not None and move.condition is not None and move.condition.lasting is not None:
        yield (*path, "timer"), "two_clocks", "It waits for its condition to last already; make two transitions."


def _moves_without_hands(move: Move) -> bool:
    return bool(move.timer or move.event or move.condition or move.by_outcome)


def _ways(definition: Definition) -> Iterator[Fault]:
    reached = reachable(definition)
    for name in definition.states:
        if name not in reached:
            yield ("states", name), "unreachable", f"Nothing leads to «{name}»."


def _ends(definition: Definition) -> Iterator[Fault]:
    left = {source for move in definition.moves.values() for source in move.sources if source != move.target}
    for state in definition.states.values():
        path = ("states", state.name)
        if state.is_final and any(state.name in move.sources for move in definition.moves.values()):
            yield path, "not_final", f"«{state.name}» is final and has a way out."
        if not state.is_final and state.name not in left:
            yield path, "dead_end", f"«{state.name}» has no way out; if that is meant, it is final."
        if state.is_final and state.category is not Category.DONE:
            yield (*path, "category"), "not_done", f"«{state.name}» is final, so its category is done."


def _triggers(definition: Definition) -> Iterator[Fault]:
    for move in definition.moves.values():
        if not (move.action or move.timer or move.event or move.condition or move.by_outcome):
            detail = f"Nothing makes it: it has none of {', '.join(TRIGGERS)}."
            yield ("transitions", move.name), "no_trigger", detail


# Chance: two automatic moves from one state that could both be made at the same instant.


def _chance(definition: Definition, conditions: Mapping[tuple[str, str], Any], own: str) -> Iterator[Fault]:
    for one, other in combinations(definition.moves.values(), 2):
        shared = set(one.sources) & set(other.sources)
        if not shared or one.priority != other.priority or _guards_exclude(one, other, conditions):
            continue
        for trigger in (*_meeting(one, other, shared, conditions), *_meeting_otherwise(one, other, own)):
            detail = f"It and «{one.name}» could both be made at once; give one of them a priority."
            yield ("transitions", other.name, trigger), "chance", detail


def _guards_exclude(one: Move, other: Move, conditions: Mapping[tuple[str, str], Any]) -> bool:
    return are_disjoint(conditions.get((one.name, "if")), conditions.get((other.name, "if")))


def _meeting(one: Move, other: Move, shared: set[str], conditions: Mapping[tuple[str, str], Any]) -> Iterator[str]:
    if _timers_meet(one, other, shared):
        yield "timer"
    if one.event and other.event and one.event.type == other.event.type:
        match = (conditions.get((one.name, "match")), conditions.get((other.name, "match")))
        if not are_disjoint(*match):
            yield "event"
    if one.condition and other.condition:
        when = (conditions.get((one.name, "when")), conditions.get((other.name, "when")))
        if one.condition.lasting == other.condition.lasting and not are_disjoint(*when):
            yield "condition"


def _meeting_otherwise(one: Move, other: Move, own: str) -> Iterator[str]:
    """Yield the trigger of ``other`` where one of another kind may make ``one`` at the same instant.

    What changes an object is told by an event of its own, at which its conditions are looked at; and an object may
    meet a condition from the moment in which it enters a state.
    """
    if own and (_is_told(one, own) and _is_at_once(other)):
        yield "condition"
    if own and (_is_at_once(one) and _is_told(other, own)):
        yield "event"
    if _after(one) is not None and _after(one) == _lasting(other):
        yield "condition"
    if _lasting(one) is not None and _lasting(one) == _after(other):
        yield "timer"


def _is_told(move: Move, own: str) -> bool:
    return move.event is not None and move.event.type.startswith(own)


def _is_at_once(move: Move) -> bool:
    return move.condition is not None and move.condition.lasting is None


def _after(move: Move) -> timedelta | None:
    return move.timer.after if move.timer else None


def _lasting(move: Move) -> timedelta | None:
    return move.condition.lasting if move.condition else None


def _timers_meet(one: Move, other: Move, shared: set[str]) -> bool:
    if one.timer is None or other.timer is None or not shared & set(one.timer.states) & set(other.timer.states):
        return False
    return _instant(one) == _instant(other)


def _instant(move: Move) -> object:
    timer = move.timer
    return timer and (timer.after, timer.field, timer.at, timer.offset)


def are_disjoint(one: Any, other: Any) -> bool:
    """Say whether two CQL2 JSON trees can be seen never to be true of the same thing.

    They can, where one is the negation of the other, or both want one property to be equal to different values.
    """
    if one is None or other is None:
        return False
    if _is_negation(one, other) or _is_negation(other, one):
        return True
    wanted, also = _equalities(one), _equalities(other)
    return any(wanted[name].isdisjoint(also[name]) for name in wanted.keys() & also.keys())


def _is_negation(one: Any, other: Any) -> bool:
    return isinstance(one, Mapping) and one.get("op") == "not" and one.get("args") == [other]


def _equalities(tree: Any) -> dict[str, set[str]]:
    """Return the values that a conjunction lets properties have."""
    found: dict[str, set[str]] = {}
    for part in _conjuncts(tree):
        name, values = _wants(part)
        if name:
            found[name] = found[name] & values if name in found else values
    return found


def _conjuncts(tree: Any) -> Sequence[Any]:
    if isinstance(tree, Mapping) and tree.get("op") == "and":
        return [part for arg in tree["args"] for part in _conjuncts(arg)]
    return [tree]


def _wants(part: Any) -> tuple[str, set[str]]:
    if not isinstance(part, Mapping) or part.get("op") not in ("=", "in"):
        return "", set()
    subject, wanted = part["args"]
    values = wanted if part["op"] == "in" else [wanted]
    plain = all(isinstance(value, str | int | float | bool) for value in values)
    if not plain or not isinstance(subject, Mapping) or "property" not in subject:
        return "", set()
    return str(subject["property"]), {repr(value) for value in values}


# Loops: ways that go round for ever with nobody and nothing from outside taking part.


def _loops(definition: Definition, conditions: Mapping[tuple[str, str], Any], own: str) -> Iterator[Fault]:
    moves = [move for move in definition.moves.values() if _moves_itself(move) or (own and _is_told(move, own))]
    follows = {
        move.name: {each.name for each in moves if _makes(move, each, conditions.get((each.name, "match")), own)}
        for move in moves
    }
    for move in moves:
        if move.name in _reached_from(move.name, follows):
            detail = "It is part of a loop that goes round by itself for ever."
            yield ("transitions", move.name), "endless", detail


def _moves_itself(move: Move) -> bool:
    return move.timer is not None or move.condition is not None


def _makes(move: Move, following: Move, match: Any, own: str) -> bool:
    """Say whether a move may bring the next one about: by where it leads, or by what it tells."""
    if move.target not in following.sources:
        return False
    return _moves_itself(following) or _is_heard(move, following, match, own)


def _is_heard(move: Move, by: Move, match: Any, own: str) -> bool:
    told = {"transitioned", *(TELLING[effect.kind] for effect in move.effects if effect.kind in TELLING)}
    if by.event is None or by.event.type not in {f"{own}{what}.v1" for what in told}:
        return False
    says = {"transition": {move.name}, "to_state": {move.target}, "from_state": set(move.sources)}
    wanted = _equalities(match)
    return not any(wanted[name].isdisjoint(map(repr, said)) for name, said in says.items() if name in wanted)


def _reached_from(start: str, follows: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    frontier = set(follows[start])
    while frontier:
        reached |= frontier
        frontier = {name for each in frontier for name in follows[each]} - reached
    return reached
