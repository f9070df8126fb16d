"""The database's own promise that no change of the zones goes unnoticed by those who hold an index of them."""

from __future__ import annotations

from django.db.migrations import RunSQL

from apps.core.triggers import TokenTrigger

TOKEN = TokenTrigger(
    table="zones_zoneset",
    sequence="zones_zoneset_token",
    function="zones_renew_token",
    trigger="zone_set_changed",
)

# The trigger that renews the token has to wait for whoever renewed it and has not committed, so tokens are committed in
# their order: who sees one sees what every earlier one changed.
LOG = """
CREATE OR REPLACE FUNCTION zones_renew_token() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    most CONSTANT integer := 1000;
    kept CONSTANT bigint := 2000;
    changed uuid[];
    token bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        changed := ARRAY(SELECT id FROM new_rows LIMIT most + 1);
    ELSIF TG_OP = 'UPDATE' THEN
        changed := ARRAY(SELECT id FROM new_rows UNION SELECT id FROM old_rows LIMIT most + 1);
    ELSIF TG_OP = 'DELETE' THEN
        changed := ARRAY(SELECT id FROM old_rows LIMIT most + 1);
    END IF;
    IF cardinality(changed) = 0 THEN
        RETURN NULL;
    END IF;
    IF changed IS NULL OR cardinality(changed) > most THEN
        changed := ARRAY[NULL::uuid];
    END IF;
    INSERT INTO zones_zoneset (id, version) VALUES (1, nextval('zones_zoneset_token'))
    ON CONFLICT (id) DO UPDATE SET version = nextval('zones_zoneset_token')
    RETURNING version INTO token;
    INSERT INTO zones_zonechange (version, zone_id) SELECT token, unnest(changed);
    DELETE FROM zones_zonechange WHERE version < token - kept;
    RETURN NULL;
END
$$;
DROP TRIGGER zone_set_changed ON zones_zone;
CREATE TRIGGER zones_inserted AFTER INSERT ON zones_zone REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION zones_renew_token();
CREATE TRIGGER zones_updated AFTER UPDATE ON zones_zone REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION zones_renew_token();
CREATE TRIGGER zones_deleted AFTER DELETE ON zones_zone REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION zones_renew_token();
CREATE TRIGGER zones_truncated AFTER TRUNCATE ON zones_zone
FOR EACH STATEMENT EXECUTE FUNCTION zones_renew_token();
"""
UNLOG = """
DROP TRIGGER zones_inserted ON zones_zone;
DROP TRIGGER zones_updated ON zones_zone;
DROP TRIGGER zones_deleted ON zones_zone;
DROP TRIGGER zones_truncated ON zones_zone;
CREATE OR REPLACE FUNCTION zones_renew_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO zones_zoneset (id, version) VALUES (1, nextval('zones_zoneset_token'))
    ON CONFLICT (id) DO UPDATE SET version = nextval('zones_zoneset_token');
    RETURN NULL;
END
$$;
CREATE TRIGGER zone_set_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON zones_zone
FOR EACH STATEMENT EXECUTE FUNCTION zones_renew_token();
"""


def log_zone_changes() -> RunSQL:
    """Return the migration operation by which the trigger also says which zones changed (``ZoneChange``)."""
    return RunSQL(LOG, UNLOG)
