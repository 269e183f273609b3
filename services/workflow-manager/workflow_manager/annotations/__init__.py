"""What people draw on images, kept beside them: the images themselves are never changed."""
