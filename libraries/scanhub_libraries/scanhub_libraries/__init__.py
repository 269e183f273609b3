"""What the services share: wire models, clients, security, database, events, data lake."""
