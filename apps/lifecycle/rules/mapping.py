"""Where the states of one version of a definition lead in another, as far as that can be guessed."""

from __future__ import annotations

from apps.lifecycle.types import Definition, State


def suggest(old: Definition, new: Definition) -> dict[str, str | None]:
    """Return for each state of ``old`` the name of one of ``new``; ``None`` where there is nothing to go by.

    That of the same name; else that of the same label; else the one new state that is of the same category, and final
    or not alike.
    """
    return {
        state.name: state.name if state.name in new.states else _like(state, old, new) for state in old.states.values()
    }


def _like(state: State, old: Definition, new: Definition) -> str | None:
    labelled = [each.name for each in new.states.values() if each.label.casefold() == state.label.casefold()]
    added = [each for each in new.states.values() if each.name not in old.states]
    alike = [each.name for each in added if (each.category, each.is_final) == (state.category, state.is_final)]
    found = labelled or alike
    return found[0] if len(found) == 1 else None
