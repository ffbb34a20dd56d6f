"""The embedded default: a small cluster, a Slack and a Redis on this machine, for demo, console and tests."""
