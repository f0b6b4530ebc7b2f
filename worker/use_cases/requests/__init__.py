"""Turn what producers ask for into rows of `uploads` and messages."""
