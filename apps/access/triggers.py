"""The database's own promise that no change of access goes unnoticed (``docs/decisions/0002``).

Statement triggers raise the access version in the transaction of the change, whoever makes it: a service, a library,
the shell or SQL. The number comes from a sequence, so one that was rolled back is never used again and a cache
filled under it can never be taken for the truth.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.migrations import RunSQL

CREATE_FUNCTION = """
CREATE SEQUENCE access_version_number;
CREATE FUNCTION access_bump_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO access_accessversion (id, version) VALUES (1, nextval('access_version_number'))
    ON CONFLICT (id) DO UPDATE SET version = nextval('access_version_number');
    RETURN NULL;
END
$$;
"""
DROP_FUNCTION = """
DROP FUNCTION access_bump_version();
DROP SEQUENCE access_version_number;
"""


def create_bump_function() -> RunSQL:
    """Return the migration operation that makes the sequence and the trigger function."""
    return RunSQL(CREATE_FUNCTION, DROP_FUNCTION)


def bump_on(table: str, *, update_of: Sequence[str] = (), inserts: bool = True) -> RunSQL:
    """Return the migration operation by which every change of a table raises the access version.

    ``update_of`` narrows updates to the columns that a decision depends on, so that a login or a key's last use
    does not make every open socket think again; ``inserts=False`` leaves out new rows, where these can change
    nothing for anybody who was there before (a token that was just given out).
    """
    update = f"UPDATE OF {', '.join(update_of)}" if update_of else "UPDATE"
    insert = "INSERT OR " if inserts else ""
    return RunSQL(
        f"CREATE TRIGGER access_version AFTER {insert}{update} OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION access_bump_version();",
        f"DROP TRIGGER access_version ON {table};",
    )
