"""The lake: every stored sample as Parquet by household and day, written once."""
