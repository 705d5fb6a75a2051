"""The scorecard as one HTML page: text and tables, plots, confusions and photos of the surest mistakes."""
