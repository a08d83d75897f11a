"""Peak memory is the process's own, not its parent's."""

import subprocess
import sys


def test_a_large_parent_does_not_count():
    """Linux keeps getrusage's peak from fork to exec: a small child of a large parent looked large."""
    ballast = bytearray(300_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    code = "from engine.measure.bench import peak_memory; print(peak_memory())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 5_000_000 < int(found.stdout) < 150_000_000
    assert ballast
