"""The kinds of effects: each is performed by the app that registered it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from apps.lifecycle.types import Definition, Move, Owed

# Performs one effect at an instant.
Perform: TypeAlias = Callable[[Owed, datetime], None]
# Yields what is wrong with the parameters of an effect of a move.
Check: TypeAlias = Callable[[Mapping[str, Any], Move, Definition], Iterable[str]]


def _no_objection(_params: Mapping[str, Any], _move: Move, _definition: Definition) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectKind:
    """A kind of effect, owned by the app that registered it.

    ``perform`` runs in the transaction that marks the effect done, so what it writes happens once. It may be tried
    many times; an exception undoes its writes and is kept as the error. It never leaves the process: what must call
    somebody writes down that it must. ``schema`` is the JSON Schema of its parameters; ``check`` yields what is wrong
    with them that a schema cannot say.
    """

    name: str
    perform: Perform
    schema: Mapping[str, Any]
    check: Check = _no_objection


_effects: dict[str, EffectKind] = {}


def register_effect(name: str, perform: Perform, *, schema: Mapping[str, Any], check: Check = _no_objection) -> None:
    """Let definitions name a kind of effect; the same name again replaces it."""
    _effects[name] = EffectKind(name=name, perform=perform, schema=schema, check=check)


def find_effect_kind(name: str) -> EffectKind | None:
    """Return a kind of effect, if there is one."""
    return _effects.get(name)


def effect_kind(name: str) -> EffectKind:
    """Return a kind of effect; raises ``LookupError``."""
    try:
        return _effects[name]
    except KeyError:
        raise LookupError(f"Nobody performs «{name}».") from None


def effect_kinds() -> tuple[str, ...]:
    """Return the names of all kinds of effects, sorted."""
    return tuple(sorted(_effects))
