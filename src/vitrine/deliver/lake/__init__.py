"""The lake: a star schema in Parquet, published whole."""
