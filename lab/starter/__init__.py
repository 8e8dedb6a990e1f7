"""What `lab init` does without asking anybody: look into a folder, and write a first scenario and locustfile."""
