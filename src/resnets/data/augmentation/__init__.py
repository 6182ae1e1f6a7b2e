"""Random changes of training images, drawn from (seed, epoch, index) and made for a batch at once."""
