"""Why an object is where it is, and what would let it move: every way out of its state, as somebody may know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from apps.access.queries import allowed_actions
from apps.access.types import Actor
from apps.core.types import Feature
from apps.filters.queries import compile_predicate, parse, require_askable
from apps.filters.registry import queryables_for, queryables_of
from apps.filters.types import FilterError
from apps.lifecycle.models import Stateful, Timer
from apps.lifecycle.queries.objects import timers
from apps.lifecycle.registry import Lifecycle, definition_of, lifecycle_of
from apps.lifecycle.rules.moving import moves_from
from apps.lifecycle.types import Tone

NOT_SHOWN: Final = "something that you may not see"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A filter that an object must meet: its text, whether it does, and the values that it looks at.

    Where it asks about what the asker may not see, the text says so, and there are no values and no answer.
    """

    text: str
    is_met: bool | None
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way out of a state, and what it waits for.

    ``may`` is whether the asker may make it by hand, ``None`` where nobody makes it so. ``against`` is what a guard of
    the noun says against it. ``due_at`` is when the clock will make it; where it has tried in vain, ``attempts`` says
    how often, and ``rests_until`` when it tries again.
    """

    name: str
    label: str
    target: str
    target_label: str
    tone: Tone
    action: str | None
    may: bool | None
    against: str | None
    requires: Demand | None
    condition: Demand | None
    due_at: datetime | None
    attempts: int
    rests_until: datetime | None
    event: str | None
    match: str | None
    by_outcome: bool


def ways_out(row: Stateful, actor: Actor) -> list[Way]:
    """Return every way out of the object's state, in the definition's order, as the actor may know it."""
    if not row.lifecycle_key:
        return []
    definition, lifecycle = definition_of(row), lifecycle_of(row)
    actions = allowed_actions(actor, row)
    due = {timer.transition: timer for timer in timers(row)}
    feature = lifecycle.feature(row)
    return [
        Way(
            name=move.name,
            label=move.label,
            target=move.target,
            target_label=definition.states[move.target].label,
            tone=definition.states[move.target].tone,
            action=move.action,
            may=move.action in actions if move.action else None,
            against=lifecycle.guards[move.guard](row) if move.guard else None,
            requires=_demand(lifecycle, move.requires, feature, actor),
            condition=_demand(lifecycle, move.condition.when if move.condition else None, feature, actor),
            **_clock(due.get(move.name)),
            event=move.event.type if move.event else None,
            match=move.event.match if move.event else None,
            by_outcome=move.by_outcome,
        )
        for move in moves_from(definition, row.state)
    ]


def says(way: Way) -> list[str]:
    """Return what a way waits for, in sentences for a person."""
    return [*_hand(way), *_filters(way), *_else(way)]


def _hand(way: Way) -> list[str]:
    if way.may is None:
        return []
    return ["You may do this."] if way.may else [f"Somebody may do this who holds {way.action}."]


def _filters(way: Way) -> list[str]:
    found = [way.against] if way.against else []
    for demand, word in ((way.requires, "It needs"), (way.condition, "It happens when")):
        if demand is not None:
            now = "".join(f" {name} is {value!r}." for name, value in demand.values.items())
            met = {True: "That is so.", False: "That is not so.", None: ""}[demand.is_met]
            found.append(f"{word} {demand.text}. {met}{now}".strip())
    return found


def _else(way: Way) -> list[str]:
    found = []
    if way.due_at is not None and way.attempts:
        again = f" It tries again at {_instant(way.rests_until)}." if way.rests_until else ""
        times = "once" if way.attempts == 1 else f"{way.attempts} times"
        found.append(f"It was due at {_instant(way.due_at)}, and the clock has tried {times} in vain.{again}")
    elif way.due_at is not None:
        found.append(f"The clock does it at {_instant(way.due_at)}.")
    if way.event is not None:
        found.append(f"The event {way.event} does it{f', where {way.match}' if way.match else ''}.")
    if way.by_outcome:
        found.append("A service does it when it has answered.")
    return found


def _clock(timer: Timer | None) -> dict[str, Any]:
    if timer is None:
        return {"due_at": None, "attempts": 0, "rests_until": None}
    rests_until = timer.claimed_until if timer.attempts else None
    return {"due_at": timer.due_at, "attempts": timer.attempts, "rests_until": rests_until}


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _demand(lifecycle: Lifecycle, text: str | None, feature: Feature, actor: Actor) -> Demand | None:
    if text is None:
        return None
    found = parse(text, queryables=queryables_of(lifecycle.noun))
    try:
        require_askable(found, queryables_for(actor, lifecycle.noun))
    except FilterError:
        return Demand(text=NOT_SHOWN, is_met=None)
    values = {name: _value(feature, name) for name in sorted(found.properties)}
    return Demand(text=text, is_met=compile_predicate(found)(feature) is True, values=values)


def _value(feature: Feature, name: str) -> object:
    """Return what a property is now, if it is a plain value of the object."""
    value: Any = feature.properties
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if isinstance(value, str | int | float | bool) else None
