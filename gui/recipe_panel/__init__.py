"""The left column: the recipe from top to bottom, in the order in which it runs."""
