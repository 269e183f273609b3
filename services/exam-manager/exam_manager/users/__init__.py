"""Users, logins and the tokens of services."""
