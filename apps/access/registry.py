"""What access decides about: filled by every app from ``ready()``, so that access knows no noun by name."""

from __future__ import annotations

from functools import cache

from django.db.models import Model

from apps.access.types import Protected

_nouns: dict[str, Protected] = {}


def register(protected: Protected) -> None:
    """Add a noun; the same noun again replaces it."""
    _nouns[protected.noun] = protected
    find_protected.cache_clear()
    all_actions.cache_clear()


def protected(noun: str) -> Protected:
    """Return a noun's entry; raises ``LookupError`` for one that nobody registered."""
    return _nouns[noun]


def all_protected() -> tuple[Protected, ...]:
    """Return every entry, in the order of registration."""
    return tuple(_nouns.values())


def protected_model(model: type[Model]) -> Protected:
    """Return the entry of a model; raises ``LookupError`` when it is not protected."""
    entry = find_protected(model)
    if entry is None:
        raise LookupError(f"{model.__name__} is not registered with access.")
    return entry


@cache
def find_protected(model: type[Model]) -> Protected | None:
    """Return the entry of a model; ``None`` for one that superusers alone see, and no noun of ours."""
    concrete = model._meta.concrete_model
    return next((entry for entry in _nouns.values() if entry.model is concrete), None)


def judge(entry: Protected) -> Protected:
    """Return the entry whose actions and grants decide about this one."""
    return _nouns[entry.judged_as] if entry.judged_as else entry


@cache
def all_actions() -> frozenset[str]:
    """Return every action that a role, a grant or a key may name, such as ``assets.view``."""
    return frozenset(f"{entry.noun}.{verb}" for entry in _nouns.values() for verb in entry.actions)
