"""Reports: HTML files that look alike and ask nothing of anybody."""
