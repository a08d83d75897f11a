"""A finished run as a picture, in a process without a screen and without torch."""

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

ROOT = Path(__file__).resolve().parents[3]
DRAW_AND_REPORT = """
import sys
from gui.picture import main
code = main(sys.argv[1:])
heavy = {"torch", "transformers", "scipy", "pandas", "pyarrow"} & sys.modules.keys()
sys.exit(code or len(heavy))
"""


def draw(*arguments):
    command = [sys.executable, "-c", DRAW_AND_REPORT, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("dark", [(), ("--dark",)])
def test_a_picture_is_written(sample, dark):
    sample.write()
    target = sample.folder / "picture.png"
    ended = draw(sample.folder, target, *dark)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    image = QImage(str(target))
    assert (image.width(), image.height()) == (1600, 900)
    colours = {image.pixel(x, y) for x in range(0, 1600, 7) for y in range(0, 900, 7)}
    assert len(colours) > 10


def test_a_record_without_events_still_has_its_figures(sample):
    sample.write()
    (sample.folder / "events.jsonl").write_text('{"kind": "no such thing"}\n\x00\n')
    assert draw(sample.folder, sample.folder / "picture.png").returncode == 0


def test_what_is_no_run_is_refused_in_a_sentence(tmp_path):
    ended = draw(tmp_path, tmp_path / "picture.png")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "is not a run's folder" in ended.stderr
