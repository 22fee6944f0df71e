"""An engine on every node of a Ray cluster, fed from one queue: `--engine-arg cluster=ray`."""
