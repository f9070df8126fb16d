"""The database's own promise that no change of the zones goes unnoticed by those who hold an index of them."""

from __future__ import annotations

from django.db.migrations import RunSQL

# The token comes from a sequence, which no rollback takes back: a state that was never committed cannot share its
# token with one that was, so an index made inside a transaction that failed is never mistaken for the truth.
CREATE = """
CREATE SEQUENCE zones_zoneset_token;
CREATE FUNCTION zones_renew_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO zones_zoneset (id, version) VALUES (1, nextval('zones_zoneset_token'))
    ON CONFLICT (id) DO UPDATE SET version = nextval('zones_zoneset_token');
    RETURN NULL;
END
$$;
CREATE TRIGGER zone_set_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON zones_zone
FOR EACH STATEMENT EXECUTE FUNCTION zones_renew_token();
INSERT INTO zones_zoneset (id, version) VALUES (1, nextval('zones_zoneset_token'));
"""
DROP = """
DROP TRIGGER zone_set_changed ON zones_zone;
DROP FUNCTION zones_renew_token();
DROP SEQUENCE zones_zoneset_token;
"""


def keep_zone_set_token() -> RunSQL:
    """Return the migration operation that keeps ``ZoneSet`` current by a statement trigger."""
    return RunSQL(CREATE, DROP)
