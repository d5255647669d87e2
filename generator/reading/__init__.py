"""What any rule may ask of a source."""
