"""Sweep files for scripts that run the programs: as small as can be, on made-up images."""


def one(name, splits, epochs=2):
    """One candidate."""
    return f"""\
sweep: {name}
dataset: {{name: blobs, format: synthetic, cases: 6, seed: 0, image_size: 32}}
split: {{scheme: random, train: 3, validation: 2, test: 1}}
replicates: {{split_seeds: {splits}}}
model: {{width: 4}}
training: {{epochs: {epochs}}}
"""


def four(name, splits, epochs):
    """Two networks with two learning rates each."""
    return f"""\
sweep: {name}
dataset: {{name: blobs, format: synthetic, cases: 12, seed: 0, image_size: 32}}
split: {{scheme: random, train: 6, validation: 3, test: 3}}
grid:
  architecture: [unet, unet2]
  learning_rate: [1.0e-3, 1.0e-2]
replicates: {{split_seeds: {splits}}}
model: {{width: 4}}
training: {{epochs: {epochs}}}
"""
