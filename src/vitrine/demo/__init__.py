"""The drawn footwear catalog: invented products with a known truth, drawn offline."""
