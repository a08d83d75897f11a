"""`python -m engine` is the command `bozzetto`."""

import sys

from engine.cli import main

sys.exit(main())
