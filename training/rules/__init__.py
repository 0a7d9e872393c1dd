"""The rules: what stands for a network's gradient, and the passes it takes."""
