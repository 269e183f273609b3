"""De-identification of images: the Basic Application Level Confidentiality Profile of PS3.15."""
