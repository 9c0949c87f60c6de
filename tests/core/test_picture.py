from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permviz.core.picture import bar, steps, strip, table

_SVG = "{http://www.w3.org/2000/svg}"


def parse(text):
    return ET.fromstring(text)  # noqa: S314 - our own text


@given(st.lists(st.floats(-5, 100), max_size=500))
def test_steps_stay_inside_and_end_at_the_right(values):
    drawn = parse(steps(values, [float(i + 1) for i in range(len(values))]))
    path = drawn.find(f"{_SVG}path").attrib["d"].replace("M", "").split(" L")
    points = [tuple(map(float, point.split())) for point in path]
    assert points[0] == (0, 70)
    assert points[-1][0] == 260
    assert all(0 <= x <= 260 and 0 <= y <= 70 for x, y in points)
    assert len(points) <= 2 * 200 + 2


def test_last_step_is_the_last_value():
    low, high = steps([1.0, 2.0], [1.0, 2.0]), steps([1.0, 4.0], [1.0, 2.0])
    assert low.count("L") == 5
    assert "35." not in high.split("L")[-1]


def test_bar_marks_its_parts_in_order_and_tells_them():
    drawn = parse(bar({"a<b": 0.0, "found": 0.5, "most": 1.0}))
    marks = drawn.findall(f"{_SVG}rect")
    assert [float(mark.attrib["x"]) for mark in marks] == [0.0, 78.0, 156.0]
    assert marks[0].find(f"{_SVG}title").text == "a<b: 0.00 %"


def test_strip_has_a_square_a_place_and_grey_where_nothing_stands():
    drawn = parse(strip([[("a", 0), ("b", None)], [("c", 7)]]))
    squares = drawn.findall(f"{_SVG}rect")
    assert len(squares) == 3
    assert squares[0].attrib["fill"] != squares[2].attrib["fill"]
    assert "opacity" in squares[1].attrib


@pytest.mark.parametrize("name", ["<script>", "a & b"])
def test_names_are_escaped(name):
    assert name not in table([(name, "1")])
    assert name not in strip([[(name, 0)]])
