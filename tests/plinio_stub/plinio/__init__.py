"""What is asked of PLiNIO: its methods mask channels, and refuse methods of tensors."""
