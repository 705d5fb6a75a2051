"""Learning from labels: families, three parts, heads, the grammar, the certificate, the champion."""
