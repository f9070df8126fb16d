"""How the set-up speaks to the person at the terminal: progress on stderr, so that stdout stays for results."""

import sys
from typing import NoReturn


class SetupError(Exception):
    """Something a person has to put right; its message says what, and is all that gets printed."""


def say(message: str) -> None:
    """Print one line of progress."""
    print(f"· {message}", file=sys.stderr, flush=True)


def refuse(message: str) -> NoReturn:
    """Stop with a message for a person."""
    raise SetupError(message)
