"""People side: reads Slack and the terminal, shows what jobs say. Holds the Slack token, never touches the cluster.

In: Slack events, slash commands, clicks, terminal words. Out: job requests (through workers.queue and
workers.state) and messages that mirror job state. Nothing here may import kubernetes, celery or redis.
"""
