"""What a generative network is trained by: parts that add up, and recipes of them by name."""
