"""Rows of a Parquet file, read in batches and only the columns that are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from engine.errors import Refused

BATCH_ROWS = 2_000
BUFFER_BYTES = 1 << 20


def read_parquet(path: Path, columns: Collection[str] | None) -> Iterator[dict[str, object]]:
    """Rows as column → value; `Refused` where the file is damaged.

    Pages are read through a small buffer: one row group may be larger than memory.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            known = file.schema_arrow.names
            wanted = known if columns is None else [name for name in known if name in columns]
            for batch in file.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise Refused(f"{path} cannot be read as Parquet ({reason}). Copy or download it again.") from error
