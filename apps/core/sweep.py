"""Working through a batch in which one bad item must not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import InterfaceError, OperationalError

T = TypeVar("T")


def work_through(items: Sequence[T], work: Callable[[Sequence[T]], int], blame: Callable[[T, Exception], None]) -> int:
    """Do ``work`` on all items together; return the sum of what it returns.

    When it fails, halve the batch until the item that fails stands alone, and ``blame`` that one: a batch of *n*
    with one bad item costs about ``2 log2(n)`` tries. ``work`` must be atomic. What is the database's trouble and
    no item's (a lost connection, a deadlock) is raised.
    """
    if not items:
        return 0
    try:
        return work(items)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001  whatever the item's data may make our code raise
        if len(items) == 1:
            blame(items[0], error)
            return 0
    middle = len(items) // 2
    return work_through(items[:middle], work, blame) + work_through(items[middle:], work, blame)
