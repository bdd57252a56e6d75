"""Points in a plane for notebooks: well-formed, each at its place, names literal."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ElementTree

import pytest
from bitrill.errors import SpecError
from bitrill.report.scatter import HEIGHT, WIDTH, Scatter

SVG = "{http://www.w3.org/2000/svg}"
PLOT = Scatter("LUTs", "accuracy", {"<a>": [(100, 0.5), (300, 0.9)], "b": [(200, 0.7)]})


def test_each_point_is_at_its_place() -> None:
    circles = ElementTree.fromstring(PLOT.svg()).findall(f"{SVG}circle")
    points = [c for c in circles if c.find(f"{SVG}title") is not None]
    at = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in points]
    assert at == [(0, HEIGHT), (WIDTH, 0), (WIDTH / 2, HEIGHT / 2)]
    assert [c.findtext(f"{SVG}title") for c in points] == ["<a>", "<a>", "b"]
    assert len({c.attrib["style"] for c in points}) == len(circles) - len(points) == 2


def test_axes_have_names_and_marks() -> None:
    texts = [t.text for t in ElementTree.fromstring(PLOT.svg()).findall(f"{SVG}text")]
    assert texts[:6] == ["100", "200", "300", *(f"{n}\N{NO-BREAK SPACE}%" for n in (50, 70, 90))]
    assert texts[6:] == ["LUTs", "accuracy", "<a>", "b"]


def test_a_notebook_shows_the_drawing_as_an_image() -> None:
    head, _, rest = PLOT._repr_html_().partition("base64,")
    assert head == '<img alt="accuracy over LUTs" src="data:image/svg+xml;'
    assert base64.b64decode(rest.removesuffix('">')).decode() == PLOT.svg()


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(SpecError, match="must have at least one point, not 0"):
        Scatter("x", "y", {"a": []})
    with pytest.raises(SpecError, match="must have at most 3 series, not 4"):
        Scatter("x", "y", {name: [(0, 0)] for name in "abcd"})
