"""Makes the database as the migrations left it, in milliseconds: for tests that commit.

Django truncates every table and writes its content types and permissions anew, a third of a second for each test. Here
the rows that a test left are deleted, and what the migrations wrote is put back if it was changed.

The triggers that announce changes to caches fire as they do in production, and what they write of themselves stays:
their tokens are never used again, so that a cache of one test is never taken for the truth in the next.
"""

from __future__ import annotations

from typing import Any

from django.db import OperationalError, connection

PRODUCED = (
    "access_accessversion",
    "assets_assetset",
    "incidents_ruleset",
    "operations_reviewruleset",
    "operations_runningset",
    "zones_zoneset",
    "zones_zonechange",
)
"""What triggers write; nothing else may write it."""
ATTEMPTS = 5

# A new epoch begins by itself when its table is truncated; the rest is of the laid-out database or of the test.
PREPARE = """
CREATE SCHEMA laid_out;
CREATE TABLE laid_out.tables AS
SELECT oid::regclass AS name, relname = 'events_epoch' AS begins_anew,
       EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND NOT tgisinternal
               AND tgtype & 11 = 8) AS announces  -- after delete, once for a statement
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname <> ALL (%s) AND relname NOT IN ('spatial_ref_sys', 'django_migrations');

DO $do$
DECLARE
    name regclass;
    is_filled boolean;
BEGIN
    FOR name IN SELECT tables.name FROM laid_out.tables WHERE NOT begins_anew LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %%s)', name) INTO is_filled;
        IF is_filled THEN
            EXECUTE format('CREATE TABLE laid_out.%%I AS TABLE %%s', 'was ' || name, name);
        END IF;
    END LOOP;
END
$do$;

CREATE FUNCTION laid_out.restore() RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    one record;
    was regclass;
    differs boolean;
BEGIN
    -- Whoever still writes is waited for.
    EXECUTE (SELECT format('LOCK TABLE %%s IN ACCESS EXCLUSIVE MODE', string_agg(name::text, ', ' ORDER BY name::text))
             FROM laid_out.tables);
    -- First those that announce: what their triggers write down elsewhere is deleted with the rest.
    FOR one IN SELECT * FROM laid_out.tables WHERE NOT begins_anew ORDER BY announces DESC LOOP
        PERFORM set_config('session_replication_role', CASE WHEN one.announces THEN 'origin' ELSE 'replica' END, true);
        was := to_regclass(format('laid_out.%%I', 'was ' || one.name));
        IF was IS NULL THEN
            EXECUTE format('SELECT EXISTS (SELECT FROM %%s)', one.name) INTO differs;
        ELSE
            EXECUTE format('SELECT EXISTS ((TABLE %%1$s EXCEPT ALL TABLE %%2$s) UNION ALL '
                           '(TABLE %%2$s EXCEPT ALL TABLE %%1$s))', one.name, was) INTO differs;
        END IF;
        IF differs THEN
            EXECUTE format('DELETE FROM %%s', one.name);
        END IF;
        IF differs AND was IS NOT NULL THEN
            EXECUTE format('INSERT INTO %%s TABLE %%s', one.name, was);
        END IF;
    END LOOP;
    SET LOCAL session_replication_role = origin;
    TRUNCATE events_epoch;
END
$body$;
"""


def remember() -> None:
    """Take what stands in the database now for what the migrations left."""
    with connection.cursor() as cursor:
        cursor.execute(PREPARE, [list(PRODUCED)])


def restore(*_: Any, **__: Any) -> None:
    """Make the database as it was remembered; takes the place of Django's ``flush``."""
    for attempt in range(ATTEMPTS):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT laid_out.restore()")
        except OperationalError:  # a deadlock with whoever still reads, table by table
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return
