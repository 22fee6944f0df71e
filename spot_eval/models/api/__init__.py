"""The `api` engine: a model behind any endpoint that speaks OpenAI's protocol.

    spot-eval run --model http://host:8000/v1 --model-id org/name

`model` finds out before any generation what the server is and takes, `engine` keeps many requests in flight, `client`
sends one and tries again, `wire` knows what the messages look like.
"""
