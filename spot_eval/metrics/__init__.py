"""The mathematics of scores: means with errors, paired differences, power, scoreboards. No files."""
