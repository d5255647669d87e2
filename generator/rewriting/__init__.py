"""Carry out the edits that rules ask for, and change nothing else."""
