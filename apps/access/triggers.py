"""The database's own promise that no change of access goes unnoticed (``docs/decisions/0002``).

Statement triggers raise the access version in the transaction of the change (``apps.core.triggers``).

Row triggers write down what was changed (``AccessChange``), in the same transaction and for whoever makes it; services
say who it is (``services.recording``). Secrets, and what no decision depends on, are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.migrations import RunSQL

from apps.core.triggers import TokenTrigger

VERSION = TokenTrigger(
    table="access_accessversion",
    sequence="access_version_number",
    function="access_bump_version",
    trigger="access_version",
)

CREATE_RECORDING = """
CREATE FUNCTION access_record_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    untold CONSTANT text[] := ARRAY['password', 'secret_sha256', 'client_secret', 'last_login', 'last_used_at',
        'recorded_at', 'changed_at', 'updated', 'version', 'email', 'display_name', 'description'];
    was CONSTANT jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) - untold END;
    becomes CONSTANT jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) - untold END;
    told CONSTANT jsonb := coalesce(becomes, was);
BEGIN
    IF was IS DISTINCT FROM becomes THEN
        INSERT INTO access_accesschange (what, verb, row_id, user_id, was, becomes, actor_id, actor_label)
        VALUES (
            TG_TABLE_NAME,
            CASE TG_OP WHEN 'INSERT' THEN 'added' WHEN 'UPDATE' THEN 'changed' ELSE 'removed' END,
            told ->> 'id',
            (told ->> CASE TG_TABLE_NAME WHEN 'access_user' THEN 'id' ELSE 'user_id' END)::uuid,
            was,
            becomes,
            nullif(current_setting('watchfloor.actor_id', true), '')::uuid,
            coalesce(current_setting('watchfloor.actor_label', true), '')
        );
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION access_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'What was written down of access never changes.' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER access_change_stays BEFORE UPDATE OR DELETE ON access_accesschange
    FOR EACH STATEMENT EXECUTE FUNCTION access_refuse_change();
"""
DROP_RECORDING = """
DROP TRIGGER access_change_stays ON access_accesschange;
DROP FUNCTION access_refuse_change();
DROP FUNCTION access_record_change();
"""


def create_bump_function() -> RunSQL:
    """Return the migration operation that makes the sequence and the trigger function."""
    return VERSION.create()


def bump_on(table: str, *, update_of: Sequence[str] = (), inserts: bool = True) -> RunSQL:
    """Return the migration operation by which every change of a table raises the access version.

    ``update_of`` narrows updates to the columns that a decision depends on, so that a login or a key's last use
    does not make every open socket think again; ``inserts=False`` leaves out new rows, where these can change
    nothing for anybody who was there before (a token that was just given out).
    """
    return VERSION.renew_on(table, update_of=update_of, inserts=inserts)


def create_recording() -> RunSQL:
    """Return the migration operation that makes what ``record_on`` needs, and keeps what it wrote as it is."""
    return RunSQL(CREATE_RECORDING, DROP_RECORDING)


def record_on(*tables: str) -> RunSQL:
    """Return the migration operation by which every change of a row of these tables is written down."""
    return RunSQL(
        "".join(
            f"CREATE TRIGGER access_recorded AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION access_record_change();"
            for table in tables
        ),
        "".join(f"DROP TRIGGER access_recorded ON {table};" for table in tables),
    )
