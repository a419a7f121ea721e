"""Puts this folder on the import path: `tiny_company` serves the tests of several packages."""
