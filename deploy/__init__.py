"""What it takes to run Threadcap: image, RBAC, playground."""
