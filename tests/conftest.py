"""Settings of every test: no test of a law is about how long an example takes; in CI the same examples are tried every time."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("laws", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("laws")
