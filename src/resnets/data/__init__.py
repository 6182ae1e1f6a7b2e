"""From files of images to arrays that networks take."""
