"""Fine-tune a network on the labels of a workspace, and enter it as the embedder: the extra `train`."""
