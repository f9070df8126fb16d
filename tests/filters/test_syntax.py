"""The examples of the standard are read as the standard reads them, and as the cql2 package does."""

from __future__ import annotations

import json
import tarfile
from functools import cache
from pathlib import PurePosixPath

import cql2
import pytest

from apps.filters.rules.reading import read_text
from apps.filters.rules.times import parse_instant, write_instant
from apps.filters.types import FilterError
from tests.factories.conformance import shared_file


@cache
def _examples(kind):
    path = shared_file("conformance/cql2_syntax_examples.tar.gz")
    with tarfile.open(path) as archive:
        paths = {each: PurePosixPath(each.name) for each in archive if each.isfile()}
        members = {
            path.stem: archive.extractfile(each)
            for each, path in paths.items()
            if path.parent.name == kind and path.suffix in (".txt", ".json")
        }
        return {name: member.read().decode() for name, member in members.items() if member is not None}


def test_every_text_is_read_as_its_json():
    texts, trees = _examples("text"), _examples("json")
    assert len(texts) + len(trees) == 229

    for name, text in texts.items():
        tree = _plain(read_text(text))
        assert (name, tree) == (name, _plain(cql2.parse_text(text).to_json()))
        assert (name, tree) == (name, _plain(json.loads(trees[name.partition("-alt")[0]])))


def test_every_json_comes_back_from_its_text():
    for name, source in _examples("json").items():
        text = cql2.parse_json(source).to_text()
        # The package writes `div(a, b)`, which is not how the standard writes it.
        if "div(" not in text:
            assert (name, _plain(read_text(text))) == (name, _plain(json.loads(source)))


@pytest.mark.parametrize(
    "source",
    [
        "((((((((((((((((((((((((((((((((((((((((a b))))))))))))))))))))))))))))))))))))))))",
        "(" * 64,
        "a AND (" * 60,
        "-" * 8000 + "a = 1",
        "NOT " * 2000 + "a",
        "a = " * 2000 + "a",
        "f(" * 2700,
        "a IN " + "(" * 4000,
        "'" * 8001,
        "S_INTERSECTS(g, " + "GEOMETRYCOLLECTION(" * 400,
    ],
    ids=["balanced", "open", "and", "minus", "not", "equal", "function", "array", "quotes", "collections"],
)
def test_what_brings_other_readers_down_is_refused_at_once(source):
    with pytest.raises(FilterError) as caught:
        read_text(source)

    assert caught.value.errors[0].code == "syntax"


def _plain(tree):
    """Return a tree with its instants written in one way."""
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(each) for each in tree]
    at = parse_instant(tree) if isinstance(tree, str) else None
    return write_instant(at) if at else tree
