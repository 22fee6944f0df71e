"""The vLLM engine: processes of its own, fed from one queue."""
