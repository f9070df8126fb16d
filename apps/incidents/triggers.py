"""The database's own promise that no change of the rules goes unnoticed by those who keep them in memory."""

from __future__ import annotations

from django.db.migrations import RunSQL

# From a sequence, which no rollback takes back: a state that was never committed shares its token with no other.
CREATE = """
CREATE SEQUENCE incidents_ruleset_token;
CREATE FUNCTION incidents_renew_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO incidents_ruleset (id, version) VALUES (1, nextval('incidents_ruleset_token'))
    ON CONFLICT (id) DO UPDATE SET version = nextval('incidents_ruleset_token');
    RETURN NULL;
END
$$;
CREATE TRIGGER rule_set_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON incidents_rule
FOR EACH STATEMENT EXECUTE FUNCTION incidents_renew_token();
INSERT INTO incidents_ruleset (id, version) VALUES (1, nextval('incidents_ruleset_token'));
"""
DROP = """
DROP TRIGGER rule_set_changed ON incidents_rule;
DROP FUNCTION incidents_renew_token();
DROP SEQUENCE incidents_ruleset_token;
"""


def keep_rule_set_token() -> RunSQL:
    """Return the migration operation that keeps ``RuleSet`` current by a statement trigger."""
    return RunSQL(CREATE, DROP)
