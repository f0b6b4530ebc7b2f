"""What is wrong with the surroundings of a worker; one module per surrounding."""
