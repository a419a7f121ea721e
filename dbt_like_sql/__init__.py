"""The SQL models: one SELECT a file, the path is the table's name. `pipelines.sql_models` runs them."""
