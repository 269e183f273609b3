"""Parameters of devices: documents with versions, and the schemas that they follow."""
