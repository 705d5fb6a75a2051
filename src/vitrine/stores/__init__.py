"""Where things are kept: the catalog (SQL) and the blobs (files or object store)."""
