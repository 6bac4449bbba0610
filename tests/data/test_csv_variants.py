"""Tables of labels as other programs write them: read as they are meant, and it is said how."""

import time
from pathlib import Path

import pytest

from pipeline.data.inspection import Inspection
from pipeline.data.sources.csv_labels import choose_separator, names_in
from tests.data.folders import add_images, inspect, labels, samples

IMAGES = tuple(f"images/{name}.jpg" for name in "abcdef")
EXPECTED = {"a": ("cat",), "b": ("dog",), "c": ("cat", "dog"), "d": (), "e": ("cat",), "f": ("dog",)}


def inspect_table(
    folder: Path, content: str | bytes, name: str = "labels.csv", **changes: object
) -> Inspection:
    add_images(folder, *IMAGES)
    raw = content.encode() if isinstance(content, str) else content
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(raw)
    return inspect("csv", folder, **changes)


def said(inspection: Inspection, *parts: str) -> bool:
    return any(all(part in line for part in parts) for line in inspection.warnings)


PLAIN = "image,labels\na.jpg,cat\nb.jpg,dog\nc.jpg,cat;dog\nd.jpg,\ne.jpg,cat\nf.jpg,dog\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.encode("utf-16"),
        b"\xff\xfe" + PLAIN.encode("utf-16-le"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    ],
)
def test_ends_of_lines_and_encodings_of_excel(tmp_path: Path, content: bytes) -> None:
    assert labels(inspect_table(tmp_path, content)) == EXPECTED


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_other_signs_between_cells_are_said(tmp_path: Path, mark: str, name: str) -> None:
    text = PLAIN.replace("cat;dog", '"cat;dog"').replace(",", mark)
    inspection = inspect_table(tmp_path, text)
    assert labels(inspection) == EXPECTED
    assert said(inspection, "labels.csv: expected commas between the cells", name)


TABLES = {
    "train.csv": "image_id,class a,cat b,dog c,cat c,dog d, e,cat f,dog",
    "data.csv": "filename,label,xmin a.jpg,cat,1 b.jpg,dog,2 c.jpg,cat,3 c.jpg,dog,4 d.jpg,,"
    " e.jpg,cat,5 f.jpg,dog,6",
    "labels.csv": "id,cat,dog,age a,1,0,7 b,0,1,8 c,1,1,9 d,0,0,6 e,1,0,5 f,0,1,4",
    "one-hot.csv": ",Image_Name,CAT,dog 0,x/a.jpg,1.0,0.0 1,x/b.jpg,,1.0 2,c,1.0,1.0 3,d,, 4,e,1.0, 5,f,,1.0",
    "project.csv": "image,choice /data/upload/1/0a1b2c3d-a.jpg,cat /x/b.jpg,dog"
    ' c.jpg,"{""choices"":[""cat"",""dog""]}" d.jpg, e.jpg,cat f.jpg,dog',
    "sub/labels.csv": "image,labels C:\\photos\\a.jpg,cat /x/images/b.jpg,dog ./c.jpg,\"['cat','dog']\""
    " http://x.org/d.jpg,[] e.jpg,cat f,dog",
}


@pytest.mark.parametrize("name", TABLES)
def test_columns_as_others_call_them(tmp_path: Path, name: str) -> None:
    found = {
        key: tuple(label.lower() for label in value)
        for key, value in labels(inspect_table(tmp_path, TABLES[name].replace(" ", "\n"), name)).items()
    }
    assert found == EXPECTED


def test_how_a_table_was_read_is_said(tmp_path: Path) -> None:
    inspection = inspect_table(tmp_path, "id,cat,dog,age\na,1,0,7\nb,0,1,8\nc,1,1,9\nd,0,0,6\n")
    assert said(inspection, "images in `id`, a class each in cat, dog; not read: age", "If this is wrong")


def test_images_lie_anywhere_below(tmp_path: Path) -> None:
    add_images(tmp_path, "train/x/a.jpg", "train/b.jpg", "test/c.jpg", "test/a/d.jpg")
    (tmp_path / "labels.csv").write_text(
        "image,labels,group\nx/a.jpg,cat,p1\nb,cat,\nc.jpg,dog,p2\na/d,dog,p2\n"
    )
    (tmp_path / "train" / "e.jpg").write_bytes((tmp_path / "train" / "b.jpg").read_bytes())
    from pipeline.data.sources.parse import parse_source
    from tests.image_folder import data_params

    parsed = parse_source("csv", tmp_path, data_params())
    found = {r.image: (r.labels, r.split, r.group) for r in parsed.records}
    assert found == {
        "train/x/a.jpg": (("cat",), "train", "p1"),
        "train/b.jpg": (("cat",), "train", None),
        "test/c.jpg": (("dog",), "test", "p2"),
        "test/a/d.jpg": (("dog",), "test", "p2"),
    }
    assert any("1 unnamed: train/e.jpg" in str(problem) for problem in parsed.problems)


def test_an_image_that_may_be_two_files_is_a_problem(tmp_path: Path) -> None:
    add_images(tmp_path, "one/a.jpg", "two/a.jpg")
    (tmp_path / "labels.csv").write_text("image,labels\na.jpg,cat\n")
    assert "expected one image for 'a.jpg', got 2: one/a.jpg, two/a.jpg" in inspect("csv", tmp_path).errors[0]


def test_tables_of_splits(tmp_path: Path) -> None:
    add_images(tmp_path, *IMAGES)
    (tmp_path / "train.csv").write_text("file,class\na.jpg,cat\nb.jpg,dog\nc.jpg,cat\n")
    (tmp_path / "val.csv").write_text("file,class\nd.jpg,cat\n")
    (tmp_path / "sample_submission.csv").write_text("file,class\ne.jpg,cat\n")
    splits = {name: sample.split for name, sample in samples(inspect("csv", tmp_path)).items()}
    assert splits == {"a": "train", "b": "train", "c": "train", "d": "val"}


@pytest.mark.parametrize(
    ("cells", "separator"),
    [
        (["cat|dog", "cat"], "|"),
        (["haze primary", "clear primary", "haze", "clear", "primary"], " "),
        ([f"{a} {b}" for a in "abcd" for b in "efgh"], " "),
        (["cat, dog", "cat", "dog"], ","),
        (["cat/dog", "cat", "dog", "nan"], "/"),
        (["great dane", "german shepherd", "pug"], ";"),
        (["great dane;pug", "cat|dog"], ";"),
        (["cat", "dog"], ";"),
        (['["cat", "dog"]', "cat"], ";"),
    ],
)
def test_what_stands_between_labels(cells: list[str], separator: str) -> None:
    assert choose_separator(cells, "auto") == separator


def test_a_separator_that_was_found_is_said_and_may_be_set(tmp_path: Path) -> None:
    table = PLAIN.replace(";", " ")
    found = inspect_table(tmp_path, table)
    assert labels(found) == EXPECTED
    assert said(found, "' ' between names", "`--separator none`")
    whole = inspect("csv", tmp_path, separator="none")
    assert not said(whole, "between names")
    assert labels(inspect_table(tmp_path, PLAIN.replace(";", "-"), separator="-")) == EXPECTED


def test_names_made_of_other_names_are_said(tmp_path: Path) -> None:
    inspection = inspect_table(tmp_path, PLAIN.replace(";", "-").replace("e.jpg,cat", "e.jpg,cat-dog"))
    assert said(inspection, "1 others: cat-dog", "--separator TEXT")


def test_an_image_of_two_splits_is_a_problem(tmp_path: Path) -> None:
    inspection = inspect_table(
        tmp_path, "image,label,split\na.jpg,cat,train\na.jpg,dog,Validation\nb.jpg,cat,test\n"
    )
    assert "line 3: expected each image in one split, got train in line 2, val here" in inspection.errors[0]


LISTS = {
    "postgres": ['{dog,"big cat"}', "{dog}", "{}"],
    "postgres in quotes": ['{"dog","big cat"}', '{"dog"}', ""],
    "python": ["['dog', 'big cat']", "['dog']", "[]"],
    "python with two quotes": ["[\"dog\", 'big cat']", '["dog",]', "[ ]"],
    "tuple": ["('dog', 'big cat')", "('dog',)", "()"],
    "set": ["{'dog', 'big cat'}", "{'dog'}", "[None]"],
    "numpy": ["['dog' 'big cat']", "['dog']", "[]"],
    "bare": ["[dog, big cat]", "[dog]", "[]"],
    "json": ['["dog", "big cat"]', '["dog"]', "[null]"],
    "choices": ['{"choices": ["dog", "big cat"]}', "{'choices': ['dog']}", "{}"],
}


@pytest.mark.parametrize("kind", LISTS)
def test_lists_of_programs_are_names(tmp_path: Path, kind: str) -> None:
    cells = ['"{}"'.format(cell.replace('"', '""')) for cell in LISTS[kind]]
    lines = [f"{name}.jpg,{cell}" for name, cell in zip("abcdef", [*cells, *cells], strict=True)]
    inspection = inspect_table(tmp_path, "\n".join(["image,labels", *lines]))
    found = labels(inspection)
    assert [sorted(found[name]) for name in "abc"] == [["big cat", "dog"], ["dog"], []]
    assert not said(inspection, "names without brackets")


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("[dog's, cat]", "[dog's, cat]"),
        ('{"rating": 3}', '{"rating": 3}'),
        ("ca[t", "ca[t"),
        ("'cat'", "'cat'"),
        ('{"a" "b"c}', '{"a" "b"c}'),
    ],
)
def test_brackets_that_are_no_list_are_named(tmp_path: Path, cell: str, name: str) -> None:
    quoted = '"{}"'.format(cell.replace('"', '""'))
    lines = [f"{letter}.jpg,{label}" for letter, label in zip("abcdef", [quoted, "dog"] * 3, strict=True)]
    inspection = inspect_table(tmp_path, "\n".join(["image,labels", *lines]))
    assert labels(inspection)["a"] == (name,)
    assert said(
        inspection, "labels.csv: expected names without brackets", f"1 others: {name}", "write the names"
    )


def test_round_brackets_of_a_name_stay(tmp_path: Path) -> None:
    inspection = inspect_table(tmp_path, PLAIN.replace("cat", "cat (young)"))
    assert labels(inspection)["a"] == ("cat (young)",)
    assert not said(inspection, "names without brackets")


@pytest.mark.parametrize("cell", ['["' + "\\" * 100_000, "[" + "'a" * 50_000 + "]", "{" + '"' * 99_999 + "}"])
def test_a_long_cell_takes_no_longer_than_its_length(cell: str) -> None:
    start = time.process_time()
    names_in(cell, ";")
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "content",
    [
        "sep=,\n" + PLAIN,
        '"sep=,"\r\n' + PLAIN,
        "\ufeffsep=,\n" + PLAIN,
        "sep=\t\n" + PLAIN.replace(",", "\t"),
        "sep=^\n" + PLAIN.replace(",", "^"),
    ],
)
def test_the_first_line_of_excel_says_what_stands_between_cells(tmp_path: Path, content: str) -> None:
    assert labels(inspect_table(tmp_path, content)) == EXPECTED


def test_numbers_of_lines_count_the_first_line_of_excel(tmp_path: Path) -> None:
    inspection = inspect_table(tmp_path, "sep=,\n" + PLAIN.replace("f.jpg", "x.jpg"))
    assert any("labels.csv, line 8" in line for line in inspection.errors)


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace("cat;dog", '"cat;dog"').replace(",", ";").replace("labels\n", "labels;\n"),
        PLAIN.replace("cat;dog", '"cat;dog"').replace(",", ";").replace("\n", ";\n"),
        PLAIN.replace("\n", ",\n").replace("labels,", "labels"),
        PLAIN.replace("labels\n", "labels,,\n"),
    ],
)
def test_empty_cells_behind_the_last_column_say_nothing(tmp_path: Path, content: str) -> None:
    assert labels(inspect_table(tmp_path, content)) == EXPECTED


@pytest.mark.parametrize("line", ["f.jpg,dog,3", "f.jpg", "f.jpg,dog,,x"])
def test_cells_that_say_something_have_a_column(tmp_path: Path, line: str) -> None:
    inspection = inspect_table(tmp_path, PLAIN.replace("f.jpg,dog", line))
    assert any("line 7: expected 2 cells" in error for error in inspection.errors)


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        *(("yes", "no"), ("Y", "N"), ("x", ""), ("TRUE", "FALSE"), ("WAHR", "FALSCH"), ("ja", "nein")),
        *(('"1,0"', '"0,0"'), ("1", "nan"), ("t", "-")),
    ],
)
def test_a_column_for_each_class_says_yes_and_no(tmp_path: Path, yes: str, no: str) -> None:
    rows = [("a", yes, no), ("b", no, yes), ("c", yes, yes), ("d", no, no), ("e", yes, no), ("f", no, yes)]
    text = "id,cat,dog\n" + "\n".join(map(",".join, rows))
    assert labels(inspect_table(tmp_path, text)) == EXPECTED


def test_a_cell_that_says_neither_yes_nor_no_is_named(tmp_path: Path) -> None:
    rows = "a,1.0,,7 b,,-1.0,8 c,1.0,1.0,9 d,,,1 e,1.0,0.0,5 f,0.0,1.0,4".replace(" ", "\n")
    inspection = inspect_table(tmp_path, f"id,cat,dog,age\n{rows}")
    assert inspection.manifest is not None
    assert inspection.manifest.classes == ("cat",)
    assert said(inspection, "labels.csv, line 3: expected 1 or 0", "got '-1.0' in `dog`", "not read")
    assert not said(inspection, "in `age`")
    errors = inspect_table(tmp_path, f"id,cat,dog,age\n{rows.replace('1.0,,7', '2,,7')}").errors
    assert any("line 2: expected 1 or 0 in the cells of a class, got '2' in `cat`" in line for line in errors)


@pytest.mark.parametrize("name", ["Labels.CSV", "labels.tsv", "sub/TRAIN.TSV"])
def test_tables_are_known_by_their_suffix_in_any_case(tmp_path: Path, name: str) -> None:
    text = PLAIN.replace(",", "\t") if name.lower().endswith("tsv") else PLAIN
    assert labels(inspect_table(tmp_path, text, name)) == EXPECTED


def test_why_other_tables_hold_no_labels_is_said(tmp_path: Path) -> None:
    errors = inspect_table(tmp_path, PLAIN.replace("dog", "Lötstelle").encode("cp1252"), "2024.csv").errors
    assert any("labels.csv: expected a table of the labels, got no such file" in line for line in errors)
    assert any("2024.csv: expected a CSV file in UTF-8, got bytes of another" in line for line in errors)
    (tmp_path / "2024.csv").write_text(PLAIN.partition("\n")[2])
    errors = inspect("csv", tmp_path).errors
    assert any("2024.csv, line 1: " in line and "The first line names an image" in line for line in errors)


def test_files_that_may_hold_labels_are_named(tmp_path: Path) -> None:
    add_images(tmp_path, *IMAGES)
    for name in ("labels.json", "labels/a.txt", "._labels.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("cat 1 2 3 4")
    inspection = inspect("csv", tmp_path)
    assert said(inspection, "got 2 others: labels.json, labels/a.txt", "write them to labels.csv")


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").touch()
    errors = inspect("csv", tmp_path).errors
    assert f"{tmp_path}: expected images (.jpg, .jpeg, .jfif, ...), got none. Give the folder" in errors[0]
    assert not any("labels.csv" in line for line in errors)
