"""How fast stage, validate and reduce are, beside the least that DuckDB itself needs: `python -m bench`.

`data` makes the files, `steps` measures one thing in one process, `__main__` runs the steps in turn and reports. Nothing here asserts a time.
"""
