"""Images that come as files: uploads, archives, folders, and saved data sets."""
