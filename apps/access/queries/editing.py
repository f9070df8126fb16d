"""What the editor of policies asks while somebody types: is the condition right, what may it ask, what would it say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from apps.access.judging import Truth
from apps.access.queries.clauses import names_action, parse_condition, variable_types
from apps.access.queries.dry_run import Draft, beside, require_open
from apps.access.queries.explaining import Explanation, Question, asked_object, asked_user, case_of, verdict
from apps.access.queries.many import people_of, standards_in_force
from apps.access.queries.reasons import (
    Reason,
    held_reasons,
    judged_reasons,
    masked_for,
    policy_reasons,
    standing_reasons,
)
from apps.access.registry import all_actions
from apps.access.types import Actor, Channel
from apps.filters.registry import queryables_of
from apps.filters.rules.reading import read_text
from apps.filters.types import FilterError, Queryable, Type

PLACE: Final = re.compile(r"^#char=(\d+)$")
WORD: Final = re.compile(r'[\w.]+|"[^"]*"|\S')


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a condition, and from where to where in its text; both 0 where it is all of it."""

    detail: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A condition as it was read: what is wrong, and what may be asked about each noun and of whoever asks."""

    faults: tuple[Fault, ...]
    queryables: Mapping[str, tuple[Queryable, ...]]
    variables: Mapping[str, Type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a draft says of one person and one object, and the whole decision with the draft in it.

    ``says`` is what its condition comes to; ``counts`` is false where the draft is not about them at all.
    """

    counts: bool
    says: Truth
    decision: Explanation


def check_condition(text: str, patterns: Iterable[str]) -> Checked:
    """Return what the editor shows beside a condition over these actions."""
    nouns = nouns_of(patterns)
    types = variable_types()
    faults = (_fault(text, noun, types) for noun in nouns)
    return Checked(
        faults=tuple(dict.fromkeys(each for each in faults if each is not None)),
        queryables={noun: _asked(noun) for noun in nouns},
        variables=types,
    )


def nouns_of(patterns: Iterable[str]) -> list[str]:
    """Return the nouns of the actions that the patterns name, sorted."""
    asked = tuple(patterns)
    return sorted({each.partition(".")[0] for each in all_actions() if names_action(asked, each)})


def try_draft(draft: Draft, question: Question, *, asker: Actor, at: datetime) -> Trial:
    """Return what a draft would say, about an object that the asker sees and a person whom they may ask about.

    Raises ``NotFound``, ``NotAllowed`` and ``Invalid`` as ``explain`` does.
    """
    row = asked_object(question.noun, question.object_id, question.action, asker=asker)
    user = asked_user(question.user_id or _own_id(asker), asker=asker)
    require_open(draft, [question.action], asker)
    channel = question.channel or Channel.REST
    case = case_of(question.action, row, at)
    people = people_of([user], [question.action], at)
    reasons: list[Reason] = []
    allowed = False
    own = [user.pk] if user.pk == asker.user_id else []
    if people.rows:
        reach = people.scope_under(beside(standards_in_force(at), draft), user.pk, question.action, channel)
        allowed = verdict(case, reach)
        held = held_reasons(case, [user.pk], people.groups[user.pk])
        mine = [replace(each, user_id=user.pk) for each in held]
        reasons = [*standing_reasons(case, user), *mine, *policy_reasons(case, reach.policies)]
    judged = judged_reasons(reasons)
    drafted = {each.terms.id for each in draft.either}
    says = next((each for each in judged if each.id in drafted), None)
    told = masked_for(asker, case, judged, own=own, known=drafted)
    decision = Explanation(
        question=question,
        user_id=user.pk,
        label=user.label,
        channel=channel,
        at=at,
        allowed=allowed,
        reasons=tuple(told),
    )
    return Trial(counts=says is not None, says=None if says is None else says.counts, decision=decision)


def _own_id(asker: Actor) -> UUID:
    assert asker.user_id is not None  # noqa: S101 - the editor is for people who are signed in
    return asker.user_id


def _fault(text: str, noun: str, types: Mapping[str, Type]) -> Fault | None:
    try:
        parse_condition(text, noun, types)
    except FilterError as error:
        first = error.errors[0]
        start, end = _span(text, first.pointer)
        return Fault(detail=f"{noun}: {first.detail}", start=start, end=end)
    return None


def _span(text: str, pointer: str) -> tuple[int, int]:
    """Return where in the text a fault is: at a character, or at the name that the pointer into its JSON leads to."""
    place = PLACE.match(pointer)
    if place is not None:
        at = min(int(place.group(1)), max(len(text) - 1, 0))
        word = WORD.match(text, at)
        return at, word.end() if word else len(text)
    named = _pointed_at(text, pointer)
    at = text.find(named) if named else -1
    return (at, at + len(named)) if at >= 0 else (0, 0)


def _pointed_at(text: str, pointer: str) -> str:
    try:
        value: Any = read_text(text)
        for part in pointer.lstrip("/").split("/"):
            value = value[int(part)] if isinstance(value, list) else value[part]
    except (FilterError, LookupError, ValueError, TypeError):
        return ""
    return value if isinstance(value, str) else ""


def _asked(noun: str) -> tuple[Queryable, ...]:
    """Return what policies may ask about a noun: what is published of it."""
    try:
        found = queryables_of(noun)
    except LookupError:
        return ()
    return tuple(found.by_name[name] for name in found.names if found.by_name[name].read is not None)
