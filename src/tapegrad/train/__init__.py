"""Showing how a training goes: a progress bar, a plot of the losses, and the demo that uses both."""
