"""What is written about a training: the report and the model card."""
