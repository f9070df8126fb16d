"""The database's own promise that no change goes unnoticed by those who keep rows in memory: a token beside the rows.

A token is the one row of a table. Statement triggers give it a new number in the transaction of every change, whoever
makes it: a service, a library, the shell or SQL. The number comes from a sequence, which no rollback takes back: a
state that was never committed shares its number with no other, so what was kept inside a transaction that failed is
never taken for the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.migrations import RunSQL

CREATE = """
CREATE SEQUENCE {sequence};
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {table} (id, version) VALUES (1, nextval('{sequence}'))
    ON CONFLICT (id) DO UPDATE SET version = nextval('{sequence}');
    RETURN NULL;
END
$$;
INSERT INTO {table} (id, version) VALUES (1, nextval('{sequence}'));
"""
DROP = """
DROP FUNCTION {function}();
DROP SEQUENCE {sequence};
DELETE FROM {table};
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTrigger:
    """What keeps the token in ``table``: a sequence, a function, and a trigger on each table that is watched."""

    table: str
    sequence: str
    function: str
    trigger: str

    def create(self) -> RunSQL:
        """Return the migration operation that makes the sequence and the function, and the first token."""
        names = {"table": self.table, "sequence": self.sequence, "function": self.function}
        return RunSQL(CREATE.format(**names), DROP.format(**names))

    def renew_on(self, table: str, *, update_of: Sequence[str] = (), inserts: bool = True) -> RunSQL:
        """Return the migration operation by which every change of a table renews the token.

        ``update_of`` narrows updates to some columns; ``inserts=False`` leaves out new rows.
        """
        update = f"UPDATE OF {', '.join(update_of)}" if update_of else "UPDATE"
        insert = "INSERT OR " if inserts else ""
        return RunSQL(
            f"CREATE TRIGGER {self.trigger} AFTER {insert}{update} OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {self.function}();",
            f"DROP TRIGGER {self.trigger} ON {table};",
        )

    def renew_where(self, table: str, is_watched: str) -> RunSQL:
        """Return the migration operation by which changes of some rows renew the token.

        ``is_watched`` is a condition on ``{row}``, as it was or as it is; a table that is truncated has none left.
        """
        was, becomes = is_watched.format(row="OLD"), is_watched.format(row="NEW")
        conditions = {"insert": becomes, "update": f"({was}) OR ({becomes})", "delete": was}
        return RunSQL(
            "".join(
                f"CREATE TRIGGER {self.trigger}_{event} AFTER {event} ON {table} "
                f"FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {self.function}();"
                for event, condition in conditions.items()
            )
            + f"CREATE TRIGGER {self.trigger}_all AFTER TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {self.function}();",
            "".join(f"DROP TRIGGER {self.trigger}_{event} ON {table};" for event in (*conditions, "all")),
        )
