"""The templates of every line of code that gencode emits."""
