"""Tables of colours as programs and public data sets write them."""

import json

import pytest

from pipeline.formats.colour_table import parse_colour_table

TABLE = {"sky": (128, 128, 128), "parked car": (64, 0, 128), "Ångström": (0, 0, 7)}
HEXED = {name: "#{:02X}{:02x}{:02X}".format(*colour) for name, colour in TABLE.items()}


def lines(form: str, head: str = "") -> str:
    rows = [form.format(name, *colour, h=HEXED[name]) for name, colour in TABLE.items()]
    return "\n".join([*filter(None, [head]), *rows, ""])


@pytest.mark.parametrize(
    "text",
    [
        lines("{},{},{},{}", "name,r,g,b"),
        lines('"{}","{}","{}","{}"').replace('"', ""),
        lines("{};{};{};{}", "Class;Red;Green;Blue"),
        lines("{1} {2} {3}\t\t{0}"),
        lines("{1},{2},{3},{0}", "r,g,b,name"),
        lines("{}: {}, {}, {}", "# a comment"),
        lines("{0} {h}"),
        lines("{0},{h}", "class,colour"),
        json.dumps({"classes": [{"title": n, "shape": "bitmap", "color": h} for n, h in HEXED.items()]}),
        json.dumps([{"name": n, "color": list(c), "id": 1} for n, c in TABLE.items()]),
        json.dumps({n: list(c) for n, c in TABLE.items()}),
        json.dumps(HEXED),
    ],
)
def test_names_and_colours_are_read(text: str) -> None:
    assert parse_colour_table(text) == TABLE
    assert list(parse_colour_table(text)) == list(TABLE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name,r,g,b\n",
        "cat\ndog\n",
        "image,labels\n1.png,cat\n2.png,dog\n",
        "1 sky 128 128 128 7\n",
        "0,sky,128,128,128\n",
        "0 128 128 128 sky\n",
        "sky,1,2,3\nroad,1,2,3\n",
        "sky,1,2,3\nsky,1,2,4\n",
        "sky,1,2,300\n",
        "sky,1,2,3\nsome words\n",
        "0.5 0.5 0.2 0.3\n",
        json.dumps({"classes": ["cat", "dog"]}),
        json.dumps({"images": [], "annotations": [], "categories": []}),
        json.dumps([{"name": "cat", "color": "red"}]),
        json.dumps({"sky": [1, 2]}),
        json.dumps({"sky": [1, 2, "x"]}),
        "{",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_colour_table(text)
