"""What this machine is, read the same way on any."""

from pathlib import Path

import pytest

from engine import device
from engine.device import LIBRARIES, Device, environment, free_disk, free_memory, this_machine, threads, version_of


def machine(*instruction_sets: str) -> Device:
    return Device(name="", cores=2, instruction_sets=instruction_sets, memory=1, gpu="", system="")


def test_this_machine_in_numbers():
    found = this_machine()
    assert found is this_machine()
    assert found.cores == threads() >= 1
    assert found.memory > free_memory() > 0
    assert set(found.instruction_sets) <= set(device.INSTRUCTION_SETS)


@pytest.mark.parametrize(
    ("sets", "bf16", "int8"),
    [
        ((), False, False),
        (("avx2",), False, False),
        (("avx512_vnni",), False, True),
        (("avx_vnni",), False, True),
        (("amx_bf16", "amx_int8"), True, True),
        (("asimd", "i8mm", "bf16"), True, True),
    ],
)
def test_what_runs_well_follows_from_the_instruction_sets(sets, bf16, int8):
    assert (machine(*sets).runs_bf16, machine(*sets).runs_int8) == (bf16, int8)


def test_the_environment_is_words_and_names_every_library():
    found = environment()
    assert set(LIBRARIES) <= set(found)
    assert all(isinstance(value, str) and value for key, value in found.items() if key != "instruction_sets")
    assert found == environment()


def test_a_library_that_is_not_there_is_said_so():
    assert version_of("no-such-library-at-all") == "not installed"


def test_free_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path):
    assert free_disk(tmp_path / "a" / "b") == pytest.approx(free_disk(tmp_path), rel=0.1)


def test_no_nvidia_tool_is_no_gpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device.shutil, "which", lambda _: None)
    assert device._gpu() == ""
