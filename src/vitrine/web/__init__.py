"""The desk in a browser: pages, their JSON twins, and who may see them."""
