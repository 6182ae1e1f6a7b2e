"""`python -m resnets`."""

from __future__ import annotations

import sys

from resnets.cli import main

sys.exit(main())
