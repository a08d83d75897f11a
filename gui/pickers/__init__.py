"""Where the model and the data are chosen."""
