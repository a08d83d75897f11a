"""Which split a text belongs to: decided by its hash, so that rows added later move none."""

from __future__ import annotations

from hashlib import sha256
from typing import get_args

from engine.data.source import SplitName

SPLITS: tuple[SplitName, ...] = get_args(SplitName)
KEY_BYTES = 16


def split_of(hashed: bytes) -> SplitName:
    """60 / 20 / 20; from other bytes than a sample's key, so that a split's sample is not skewed."""
    share = int.from_bytes(hashed[KEY_BYTES : KEY_BYTES + 4]) / 2**32
    return "train" if share < 0.6 else "validation" if share < 0.8 else "test"


def seed_key(seed: int) -> int:
    """What is mixed into the keys of training texts, so that another seed keeps others, in another order."""
    return int.from_bytes(sha256(str(seed).encode()).digest()[:KEY_BYTES])
