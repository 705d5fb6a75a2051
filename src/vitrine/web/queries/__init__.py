"""What pages and their JSON twins show: one read-only function a page, dataclasses out."""
