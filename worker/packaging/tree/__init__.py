"""Find and read the files of a results directory, safely and in one fixed order."""
