"""The vocabulary both sides share: spec, job, report, errors and the ports they are moved through.

Standard library and msgspec only, no I/O, nothing here knows Slack, Kubernetes, Redis or a file. Values are frozen;
`codec` turns them into JSON and back, refusing what does not fit.
"""
