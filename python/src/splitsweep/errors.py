"""The one error of this package."""


class SplitsweepError(Exception):
    """What was asked for is not to be had; the message names the place and the remedy."""
