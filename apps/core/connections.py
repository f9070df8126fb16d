"""Connections to the database that were lost in the middle of something."""

from __future__ import annotations

from django.db import connections


def forget_connections() -> None:
    """Give up this thread's connections, and what Django believes of them; the next query makes new ones.

    A connection that is lost in the moment in which a transaction begins or ends may be taken to be inside of one for
    ever: then it is neither closed nor made anew, and everything after fails. For threads that own their connection.
    """
    for lost in connections.all(initialized_only=True):
        lost.close()
        del connections[lost.alias]
