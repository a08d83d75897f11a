"""Where texts come from: read from any file, cleaned, split. Begin with `reading.py`."""
