"""Photos and tables come in here: read, cleaned, compared, checked."""
