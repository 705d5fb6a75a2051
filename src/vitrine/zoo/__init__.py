"""The study of small networks on Fashion-MNIST: one protocol, a table of entries, results with their evidence."""
