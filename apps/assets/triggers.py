"""The database's own promise that no change of assets goes unnoticed by those who keep some of them in memory."""

from __future__ import annotations

from django.db.migrations import RunSQL

# The token comes from a sequence, which no rollback takes back: a state that was never committed cannot share its
# token with one that was, so what was kept inside a transaction that failed is never mistaken for the truth.
CREATE_FUNCTION = """
CREATE SEQUENCE assets_assetset_token;
CREATE FUNCTION assets_renew_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO assets_assetset (id, version) VALUES (1, nextval('assets_assetset_token'))
    ON CONFLICT (id) DO UPDATE SET version = nextval('assets_assetset_token');
    RETURN NULL;
END
$$;
"""
DROP_FUNCTION = """
DROP FUNCTION assets_renew_token();
DROP SEQUENCE assets_assetset_token;
"""


def create_token_function() -> RunSQL:
    """Return the migration operation that makes the sequence and the trigger function of ``AssetSet``."""
    return RunSQL(CREATE_FUNCTION, DROP_FUNCTION)


def renew_token_on(table: str) -> RunSQL:
    """Return the migration operation by which every change of a table renews the token."""
    return RunSQL(
        f"CREATE TRIGGER asset_set_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION assets_renew_token();",
        f"DROP TRIGGER asset_set_changed ON {table};",
    )
