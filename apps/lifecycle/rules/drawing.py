"""Where the states and ways of a definition stand in a picture: states in columns by how far they are from the first.

Lengths are in pixels, from the top left corner. Ways onward run between the columns; ways back run over or under them,
where fewer states are in their way. Labels that would lie on each other are moved apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from apps.lifecycle.types import Definition, Move, State

WIDTH: Final = 140
HEIGHT: Final = 44
GAP: Final = (110, 190)
DOWN: Final = 104
MARGIN: Final = 28
LIFT: Final = 34
LETTER: Final = 6.2
LINE: Final = 17
STEPS: Final = (0, LINE, -LINE, 2 * LINE, -2 * LINE)
LONGEST: Final = 34

Point = tuple[float, float]
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A state: its upper left corner."""

    state: State
    x: float
    y: float
    is_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """All moves from one state to another: a cubic curve, and where its label stands; ``width`` is the label's."""

    source: str
    target: str
    path: str
    label: str
    title: str
    x: float
    y: float
    width: float
    is_automatic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A picture of a definition. What is drawn farthest to the left begins at ``left``, which may be below zero."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    left: float
    width: float
    height: float


def draw(definition: Definition) -> Drawing:
    """Return where everything stands. The same definition always looks the same."""
    ranks = _ranks(definition)
    pairs = _pairs(definition)
    places = _places(definition, ranks, WIDTH + _gap(ranks, pairs))
    back = [pair for pair in pairs if ranks[pair[1]] < ranks[pair[0]] or pair[0] == pair[1]]
    under = [pair for pair in back if _is_nearer_below(places, pair)]
    over = [pair for pair in back if pair not in under]
    places = {name: (x, y + _room(over)) for name, (x, y) in places.items()}
    lines = _apart(
        _line(definition, pair, moves, _points(places, pair, ranks, over, under)) for pair, moves in pairs.items()
    )
    boxes = tuple(
        Box(state=state, x=places[name][0], y=places[name][1], is_first=name == definition.initial)
        for name, state in definition.states.items()
        if name in places
    )
    left = min([0.0, *(line.x - line.width / 2 - 4 for line in lines)])
    right = max([*(x + WIDTH for x, _ in places.values()), *(line.x + line.width / 2 for line in lines)]) + MARGIN
    height = max(y for _, y in places.values()) + HEIGHT + MARGIN + _room(under)
    return Drawing(boxes=boxes, lines=lines, left=left, width=right - left, height=height)


def _ranks(definition: Definition) -> dict[str, int]:
    """Return how many moves each state is from the first; what nothing leads to stands behind all others."""
    ranks = {definition.initial: 0}
    frontier = [definition.initial]
    while frontier:
        reached = [move.target for name in frontier for move in definition.moves.values() if name in move.sources]
        frontier = [name for name in dict.fromkeys(reached) if name not in ranks and name in definition.states]
        rank = max(ranks.values()) + 1
        ranks |= dict.fromkeys(frontier, rank)
    last = max(ranks.values()) + 1
    return {name: ranks.get(name, last) for name in definition.states}


def _pairs(definition: Definition) -> dict[Pair, list[Move]]:
    pairs: defaultdict[Pair, list[Move]] = defaultdict(list)
    for move in definition.moves.values():
        for source in move.sources:
            if source in definition.states and move.target in definition.states:
                pairs[source, move.target].append(move)
    return dict(pairs)


def _gap(ranks: dict[str, int], pairs: dict[Pair, list[Move]]) -> float:
    """Return how far columns stand apart, so that lines are seen on both sides of their labels."""
    labels = [_label(moves) for (one, other), moves in pairs.items() if ranks[other] - ranks[one] == 1]
    least, most = GAP
    return min(most, max([least, *(_width(label) + 44 for label in labels)]))


def _is_nearer_below(places: dict[str, Point], pair: Pair) -> bool:
    """Say whether fewer states stand below the two in their columns than above them."""
    ends = [places[name] for name in pair]
    others = [(x, y) for x, y in places.values() if (x, y) not in ends]
    above = sum(x == end_x and y < end_y for x, y in others for end_x, end_y in ends)
    below = sum(x == end_x and y > end_y for x, y in others for end_x, end_y in ends)
    return below < above


def _apart(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines with labels that leave each other free, moved up or down by as little as does."""
    placed: list[Line] = []
    for line in lines:
        tries = (replace(line, y=line.y + step) for step in STEPS)
        placed.append(next((each for each in tries if not any(_overlap(each, other) for other in placed)), line))
    return tuple(placed)


def _overlap(one: Line, other: Line) -> bool:
    return abs(one.x - other.x) < (one.width + other.width) / 2 and abs(one.y - other.y) < LINE


def _room(back: list[Pair]) -> float:
    """Return how much room these ways need over the states, or under them."""
    return LIFT * (1 + min(len(back), 4)) if back else 0


def _places(definition: Definition, ranks: dict[str, int], across: float) -> dict[str, Point]:
    columns: defaultdict[int, list[str]] = defaultdict(list)
    for name in definition.states:
        columns[ranks[name]].append(name)
    tallest = max(len(names) for names in columns.values())
    places: dict[str, Point] = {}
    for rank, names in columns.items():
        above = MARGIN + (tallest - len(names)) * DOWN / 2
        for index, name in enumerate(names):
            places[name] = (MARGIN + rank * across, above + index * DOWN)
    return places


def _line(definition: Definition, pair: Pair, moves: list[Move], points: tuple[Point, Point, Point, Point]) -> Line:
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
    said = ", ".join(move.label for move in moves)
    label = _label(moves)
    return Line(
        source=pair[0],
        target=pair[1],
        path=f"M{ax:.0f} {ay:.0f}C{bx:.0f} {by:.0f} {cx:.0f} {cy:.0f} {dx:.0f} {dy:.0f}",
        label=label,
        title=f"{definition.states[pair[0]].label} to {definition.states[pair[1]].label}: {said}",
        x=(ax + 3 * bx + 3 * cx + dx) / 8,
        y=(ay + 3 * by + 3 * cy + dy) / 8,
        width=_width(label),
        is_automatic=not any(move.action for move in moves),
    )


def _label(moves: list[Move]) -> str:
    said = ", ".join(move.label for move in moves)
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"


def _width(label: str) -> float:
    return len(label) * LETTER + 8


def _points(
    places: dict[str, Point], pair: Pair, ranks: dict[str, int], over: list[Pair], under: list[Pair]
) -> tuple[Point, Point, Point, Point]:
    """Return the curve from one box to another: onward between columns, beside one, or back over or under them."""
    start, end = places[pair[0]], places[pair[1]]
    if pair in under:
        return _back(start, end, under.index(pair), down=True)
    if pair in over:
        return _back(start, end, over.index(pair), down=False)
    return _onward(start, end, ranks[pair[1]] - ranks[pair[0]])


def _onward(start: Point, end: Point, columns: int) -> tuple[Point, Point, Point, Point]:
    if columns > 0:
        out, into = (start[0] + WIDTH, start[1] + HEIGHT / 2), (end[0], end[1] + HEIGHT / 2)
        # One that passes other columns by bends away from them.
        bend = 0 if columns == 1 else 46 * (1 if into[1] >= out[1] else -1)
        pull = (into[0] - out[0]) / 2
        return out, (out[0] + pull, out[1] + bend), (into[0] - pull, into[1] + bend), into
    return _beside(start, end)


def _back(start: Point, end: Point, nth: int, *, down: bool) -> tuple[Point, Point, Point, Point]:
    side, way = (HEIGHT, 1) if down else (0, -1)
    out, into = (start[0] + WIDTH * 0.35, start[1] + side), (end[0] + WIDTH * 0.65, end[1] + side)
    farthest = max(out[1], into[1]) if down else min(out[1], into[1])
    bend = farthest + way * LIFT * (1 + nth % 4) * 4 / 3
    return out, (out[0], bend), (into[0], bend), into


def _beside(start: Point, end: Point) -> tuple[Point, Point, Point, Point]:
    """Return the curve between two boxes of a column: down on its right side, up on its left."""
    down = end[1] > start[1]
    side = start[0] + (WIDTH if down else 0)
    part = HEIGHT * (0.75 if down else 0.25)
    out, into = (side, start[1] + part), (side, end[1] + HEIGHT - part)
    bulge = (14 + 30 * abs(end[1] - start[1]) / DOWN) * (1 if down else -1)
    return out, (side + bulge, out[1]), (side + bulge, into[1]), into
