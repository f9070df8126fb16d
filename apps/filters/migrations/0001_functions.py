"""What filters need of the database: folding of case and accents as Python does it, and arithmetic that always answers.

The tables of characters come from the Python that runs this migration; PostgreSQL's own lower() and unaccent know
neither full case folding nor all marks. Unicode never changes how a character folds once it is assigned, so a later
Python differs in characters only that were not assigned before.
"""

from __future__ import annotations

import sys
import unicodedata

from django.db import migrations

ARITHMETIC = """
CREATE FUNCTION filters_arithmetic(op text, a double precision, b double precision) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
BEGIN
    IF a <> 0 AND abs(a) NOT BETWEEN 1e-100 AND 1e100 OR b <> 0 AND abs(b) NOT BETWEEN 1e-100 AND 1e100 THEN
        RETURN NULL;
    END IF;
    CASE op
        WHEN '+' THEN RETURN a + b;
        WHEN '-' THEN RETURN a - b;
        WHEN '*' THEN RETURN a * b;
        WHEN '/' THEN RETURN a / nullif(b, 0);
        WHEN 'div' THEN RETURN trunc(a / nullif(b, 0));
        WHEN '%' THEN RETURN a - b * trunc(a / nullif(b, 0));
        WHEN '^' THEN
            IF a = 0 THEN
                RETURN CASE WHEN b < 0 THEN NULL WHEN b = 0 THEN 1 ELSE 0 END;
            ELSIF a < 0 AND b <> trunc(b) OR abs(b * ln(abs(a))) > 200 THEN
                RETURN NULL;
            END IF;
            RETURN power(a, b);
    END CASE;
END
$body$
"""
CASEI = """
CREATE FUNCTION filters_casei(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    pair text[];
BEGIN
    IF octet_length(t) = char_length(t) THEN
        RETURN lower(t COLLATE "C");
    END IF;
    IF t !~ '[{changed}]' THEN
        RETURN t;
    END IF;
    t := translate(t, '{from_one}', '{to_one}');
    IF t ~ '[{from_many}]' THEN
        FOREACH pair SLICE 1 IN ARRAY '{{{pairs}}}'::text[] LOOP
            t := replace(t, pair[1], pair[2]);
        END LOOP;
    END IF;
    RETURN t;
END
$body$
"""
ACCENTI = """
CREATE FUNCTION filters_accenti(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
BEGIN
    IF octet_length(t) = char_length(t) THEN
        RETURN t;
    END IF;
    RETURN regexp_replace(normalize(t, NFD), '[{marks}]', '', 'g');
END
$body$
"""
DROP = """
DROP FUNCTION filters_arithmetic(text, double precision, double precision);
DROP FUNCTION filters_casei(text);
DROP FUNCTION filters_accenti(text);
"""


def _characters():
    return (chr(code) for code in range(1, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)


def _casei():
    folds = {each: folded for each in _characters() if (folded := each.casefold()) != each}
    one = {each: folded for each, folded in folds.items() if len(folded) == 1}
    many = {each: folded for each, folded in folds.items() if len(folded) > 1}
    return CASEI.format(
        changed=_ranges(ord(each) for each in folds),
        from_one="".join(one),
        to_one="".join(one.values()),
        from_many="".join(many),
        pairs=",".join(f'{{"{each}","{folded}"}}' for each, folded in many.items()),
    )


def _accenti():
    marks = (ord(each) for each in _characters() if unicodedata.category(each).startswith("M"))
    return ACCENTI.format(marks=_ranges(marks))


def _ranges(codes):
    """Return code points, in order, as the inside of a class of a regular expression."""
    ranges = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(rf"\U{first:08X}-\U{last:08X}" for first, last in ranges)


def _create(apps, schema_editor):
    for statement in (ARITHMETIC, _casei(), _accenti()):
        # Without parameters, so that a percent sign is one.
        schema_editor.execute(statement, params=None)


def _drop(apps, schema_editor):
    schema_editor.execute(DROP, params=None)


class Migration(migrations.Migration):
    """Installs the functions; there are no tables."""

    initial = True
    dependencies = []
    operations = [migrations.RunPython(_create, _drop)]
