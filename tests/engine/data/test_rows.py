"""Rows of each format, and every way in which a file can be wrong: always one sentence."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data.oddities import Oddities
from engine.data.rows import rows
from engine.errors import Refused

PAIRS = [{"text": "a dog, barking", "label": "animal"}, {"text": 'say "hi"', "label": "talk"}]


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(Refused) as caught:
        list(rows(path))
    text = str(caught.value)
    assert str(path) in text
    assert text.endswith(".")
    assert "\n" not in text
    return text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv_with_any_delimiter(tmp_path: Path, delimiter: str, end: str, mark: str):
    lines = ["text{}label", '"a dog, barking"{}animal', '"say ""hi"""{}talk', ""]
    text = mark + end.join(line.replace("{}", delimiter) for line in lines)
    assert list(rows(write(tmp_path / "a.csv", text))) == PAIRS


def test_a_quoted_cell_may_span_lines(tmp_path: Path):
    path = write(tmp_path / "a.csv", 'text,label\n"one\ntwo",x\nthree,y\n')
    assert [row["text"] for row in rows(path)] == ["one\ntwo", "three"]


def test_tsv_with_and_without_quoting(tmp_path: Path):
    quoted = write(tmp_path / "a.tsv", 'text\tlabel\n"a ""b"""\tx\n')
    assert list(rows(quoted)) == [{"text": 'a "b"', "label": "x"}]
    # As GLUE writes them: a quotation mark is a character like any other.
    plain = write(tmp_path / "b.tsv", 'text\tlabel\n"a\tx\nb"\ty\n')
    assert [row["text"] for row in rows(plain)] == ['"a', 'b"']


@pytest.mark.parametrize("ending", ["jsonl", "ndjson", "json", "JSONL"])
def test_json_lines(tmp_path: Path, ending: str):
    text = "\n".join(json.dumps(row) for row in PAIRS) + "\n\n"
    assert list(rows(write(tmp_path / f"a.{ending}", text))) == PAIRS


def test_parquet_reads_only_the_columns_asked_for(tmp_path: Path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist([{**row, "id": 1} for row in PAIRS]), path)
    assert list(rows(path, columns=("text", "label"))) == PAIRS
    assert list(rows(path))[0]["id"] == 1  # noqa: RUF015  # all are read, not one


def test_gzip(tmp_path: Path):
    path = write(tmp_path / "a.csv.gz", gzip.compress(b"text,label\na,b\n", mtime=0))
    assert list(rows(path)) == [{"text": "a", "label": "b"}]


def test_a_column_without_a_name_and_a_short_row(tmp_path: Path):
    path = write(tmp_path / "a.csv", ",text,label\n0,a,b\n1,c\n")
    assert list(rows(path)) == [
        {"column 1": "0", "text": "a", "label": "b"},
        {"column 1": "1", "text": "c", "label": None},
    ]


def test_rows_with_too_many_cells_are_counted(tmp_path: Path):
    oddities = Oddities()
    path = write(tmp_path / "a.csv", "text,label\na,b\nc,d,e\nf,g,h\ni,j\n")
    assert len(list(rows(path, oddities=oddities))) == 2
    assert oddities.sentences() == ("2 rows had more cells than the header (first: line 3) and were left out.",)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.json"])
def test_an_empty_file(tmp_path: Path, name: str):
    assert "is empty (0 bytes)" in refusal(write(tmp_path / name, b""))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\n"),
        ("a.csv", "text,label"),
        ("a.csv", "\n\n"),
        ("a.tsv", "text\tlabel\r\n"),
        ("a.jsonl", "\n \n"),
        ("a.csv.gz", gzip.compress(b"", mtime=0)),
    ],
)
def test_a_header_only(tmp_path: Path, name: str, content: bytes | str):
    assert "has no rows" in refusal(write(tmp_path / name, content))


def test_parquet_without_rows(tmp_path: Path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    assert "has no rows" in refusal(path)


def test_what_is_no_file(tmp_path: Path):
    assert "There is no file" in refusal(tmp_path / "nothing.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder" in refusal(tmp_path / "folder.csv")
    assert "cannot be opened" in refusal(tmp_path / ("x" * 300 + ".csv"))
    assert "not an ordinary file" in refusal(Path("/dev/null"))


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.txt", "a.zip", "a.parquet.gz", ".csv"])
def test_a_kind_that_cannot_be_read(tmp_path: Path, name: str):
    assert ".csv, .tsv, .jsonl" in refusal(write(tmp_path / name, b"text,label\na,b\n"))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_a_wrong_encoding_is_placed(tmp_path: Path, name: str):
    text = '{"text": "x"}\n' if name == "a.jsonl" else "text\tlabel\n"
    path = write(tmp_path / name, text.encode() + "caf\u00e9\tx\n".encode("latin-1"))
    said = refusal(path)
    assert "line 2, is not UTF-8 text: byte 4 of the line is 0xE9" in said
    assert "Save it as UTF-8" in said


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf16_is_recognized(tmp_path: Path, encoding: str):
    mark = "\ufeff" if encoding.endswith("be") else ""
    path = write(tmp_path / "a.csv", (mark + "text,label\na,b\n").encode(encoding))
    assert "written in UTF-16" in refusal(path)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_nul_bytes_are_placed(tmp_path: Path, name: str):
    text = '{"text": "x"}\n' if name == "a.jsonl" else "text\tlabel\n"
    said = refusal(write(tmp_path / name, text + "a\0b\tc\n"))
    assert "line 2, holds a NUL byte (byte 2" in said


def test_a_megabyte_in_one_line(tmp_path: Path):
    long = "word " * 210_000
    assert len(long) > 2**20
    path = write(tmp_path / "a.csv", f"text,label\n{long},a\nshort,b\n")
    assert [len(str(row["text"])) for row in rows(path)] == [len(long), 5]
    path = write(tmp_path / "a.jsonl", json.dumps({"text": long}) + "\n")
    assert len(str(next(rows(path))["text"])) == len(long)


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("engine.data.lines.LONGEST_LINE", 1000)
    assert "line 2, is longer than" in refusal(write(tmp_path / "a.jsonl", '{"text": "a"}\n' + "x" * 2000))


@pytest.mark.parametrize("line", ["{", "nonsense", "[1]", "3", "{'text': 'a'}", "[" * 100_000])
def test_a_broken_json_line_is_numbered(tmp_path: Path, line: str):
    path = write(tmp_path / "a.jsonl", f'{{"text": "a"}}\n\n{line}\n')
    assert "line 3, is not a JSON object" in refusal(path)


def test_a_json_list_says_what_to_do(tmp_path: Path):
    assert "JSON Lines" in refusal(write(tmp_path / "a.json", '[\n{"text": "a"}\n]'))


def test_two_columns_of_one_name(tmp_path: Path):
    assert "two columns called 'a'" in refusal(write(tmp_path / "a.csv", "a,b,a\n1,2,3\n"))


def test_a_quotation_mark_that_stays_open(tmp_path: Path):
    path = write(tmp_path / "a.csv", 'text,label\nfine,a\n"open,b\nlost,c\nlost,d\n')
    assert "opened in line 3 is never closed" in refusal(path)


def test_a_stray_quotation_mark_is_a_character(tmp_path: Path):
    path = write(tmp_path / "a.csv", 'text,label\na 5" disk,x\nb,y\n')
    assert [row["text"] for row in rows(path)] == ['a 5" disk', "b"]


def test_an_open_quotation_mark_does_not_swallow_a_large_file(tmp_path: Path):
    path = write(tmp_path / "a.csv", 'text,label\n"open,a\n' + "many words,b\n" * 700_000)
    assert "from line 2 on, cannot be read as a table" in refusal(path)


@pytest.mark.parametrize("content", [b"PAR1 not really PAR1", b"text,label\n", b"x" * 100])
def test_a_damaged_parquet_file(tmp_path: Path, content: bytes):
    assert "cannot be read as Parquet" in refusal(write(tmp_path / "a.parquet", content))


def test_a_truncated_parquet_file(tmp_path: Path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(PAIRS * 1000), path)
    assert "cannot be read as Parquet" in refusal(write(path, path.read_bytes()[:-9]))


def test_parquet_text_that_is_no_utf8(tmp_path: Path):
    path = tmp_path / "a.parquet"
    broken = pa.array([b"caf\xe9"]).view(pa.utf8())
    pq.write_table(pa.table({"text": broken}), path)
    assert "cannot be read as Parquet" in refusal(path)


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"text,label\na,b\n" * 999, mtime=0)[:-20]])
def test_a_damaged_gzip_file(tmp_path: Path, content: bytes):
    assert "damaged" in refusal(write(tmp_path / "a.csv.gz", content))
