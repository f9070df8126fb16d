"""Geometries as CQL2 text writes them (WKT), to GeoJSON and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from apps.filters.rules import words
from apps.filters.rules.tokens import Token, syntax_error
from apps.filters.types import FilterError

SHAPE_NAMES: Final = frozenset(words.SHAPES)
# How many parentheses stand around the positions, those of the shape itself included.
_NESTING: Final = {"point": 0, "linestring": 1, "polygon": 2, "multipoint": 1, "multilinestring": 2, "multipolygon": 3}


class WktReader:
    """The cursor over the tokens, and what is read of geometries; the other productions build on it."""

    def __init__(self, source: str, stream: Iterator[Token]) -> None:
        self.source = source
        self._stream = stream
        self.token = next(stream)

    def take(self) -> Token:
        """Return the token and go on to the next."""
        taken = self.token
        if taken.kind != "end":
            self.token = next(self._stream)
        return taken

    def at(self, kind: str, value: str) -> bool:
        """Say whether the token is this one."""
        return self.token.kind == kind and self.token.value == value

    def accept(self, kind: str, value: str) -> bool:
        """Go past the token if it is this one."""
        is_it = self.at(kind, value)
        if is_it:
            self.take()
        return is_it

    def expect(self, kind: str, value: str, *, otherwise: str = "") -> None:
        """Go past this token, or raise."""
        if not self.accept(kind, value):
            raise self.fault(f"Expected {otherwise or value.upper()}, not {self.shown()}.")

    def fault(self, detail: str) -> FilterError:
        """Return the error at the token."""
        return syntax_error(self.source, self.token.start, detail)

    def shown(self) -> str:
        """Return the token as an error names it."""
        return "the end" if self.token.kind == "end" else repr(self.token.value[:40])

    def number(self) -> float:
        """Read a number without its sign."""
        if self.token.kind != "number":
            raise self.fault(f"Expected a number, not {self.shown()}.")
        return float(self.take().value)

    def signed(self) -> float:
        """Read a number with its sign."""
        if self.accept("sign", "-"):
            return -self.number()
        self.accept("sign", "+")
        return self.number()

    def numbers(self) -> list[float]:
        """Read numbers between parentheses."""
        self.expect("sign", "(")
        found = [self.signed()]
        while not self.accept("sign", ")"):
            self.expect("sign", ",", otherwise="a comma or a closing parenthesis")
            found.append(self.signed())
        return found

    def shape(self, name: str) -> dict[str, Any]:
        """Read a geometry whose name has been read."""
        if self.token.kind == "name" and self.token.value.lower() == "z":
            self.take()
        if self.token.kind == "name" and self.token.value.lower() == "empty":
            raise self.fault("An empty geometry meets nothing.")
        if name == "geometrycollection":
            return {"type": words.SHAPES[name], "geometries": self._members()}
        coordinates = (
            self._point() if name == "point" else self._nested(_NESTING[name], is_multipoint=name == "multipoint")
        )
        return {"type": words.SHAPES[name], "coordinates": coordinates}

    def _members(self) -> list[dict[str, Any]]:
        self.expect("sign", "(")
        found = [self._member()]
        while not self.accept("sign", ")"):
            self.expect("sign", ",", otherwise="a comma or a closing parenthesis")
            found.append(self._member())
        return found

    def _member(self) -> dict[str, Any]:
        name = self.token.value.lower()
        if self.token.kind != "name" or name not in _NESTING:
            raise self.fault(f"Expected a geometry, not {self.shown()}.")
        self.take()
        return self.shape(name)

    def _point(self) -> list[float]:
        self.expect("sign", "(")
        position = self._position()
        self.expect("sign", ")")
        return position

    def _nested(self, levels: int, *, is_multipoint: bool = False) -> list[Any]:
        if levels == 0:
            return self._point() if is_multipoint and self.at("sign", "(") else self._position()
        self.expect("sign", "(")
        found = [self._nested(levels - 1, is_multipoint=is_multipoint)]
        while not self.accept("sign", ")"):
            self.expect("sign", ",", otherwise="a comma or a closing parenthesis")
            found.append(self._nested(levels - 1, is_multipoint=is_multipoint))
        return found

    def _position(self) -> list[float]:
        position = [self.signed(), self.signed()]
        if self.token.kind == "number" or (self.token.kind == "sign" and self.token.value in "+-"):
            position.append(self.signed())
        return position


def write_wkt(geojson: dict[str, Any]) -> str:
    """Return a GeoJSON geometry as CQL2 text, every digit kept."""
    name = geojson["type"].upper()
    if "geometries" in geojson:
        return f"{name}({', '.join(write_wkt(each) for each in geojson['geometries'])})"
    coordinates = geojson["coordinates"]
    is_z = len(_first_position(coordinates)) > 2
    body = _write_level(coordinates if name != "POINT" else [coordinates])
    return f"{name}{' Z ' if is_z else ''}{body}"


def write_number(value: float) -> str:
    """Return the shortest text that reads as the same number."""
    if value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return repr(value)


def _first_position(coordinates: Sequence[Any]) -> Sequence[float]:
    while isinstance(coordinates[0], list | tuple):
        coordinates = coordinates[0]
    return coordinates


def _write_level(coordinates: Sequence[Any]) -> str:
    if isinstance(coordinates[0], int | float):
        return " ".join(write_number(float(each)) for each in coordinates)
    inner = [_write_level(each) for each in coordinates]
    return f"({', '.join(inner)})"
