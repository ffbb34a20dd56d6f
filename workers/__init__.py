"""Cluster side: captures, analyses and stores. Can exec in pods, holds no Slack token.

In: job ids from the queue. Out: job state in the JobStore, artifacts in the artifact store.
Imports run one way: tasks > pipeline > (capture | export | report) > findings > analysis > packets > contract.
"""
