"""What only a terminal has: local captures, JSON answers, pcap files from disk. Part of the composition root."""
