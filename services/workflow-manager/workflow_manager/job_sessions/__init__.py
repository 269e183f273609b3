"""What jobs of the SDK work with while modules run: who they are, images, data, files, nodes."""
