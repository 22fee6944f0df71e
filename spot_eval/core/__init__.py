"""The ground floor: errors, files, options, paths, progress, and the records of a run."""
