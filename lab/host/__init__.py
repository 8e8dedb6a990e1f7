"""HOST: what this machine lends to a run: a lock, scratch folders, ports, interrupts, labels. Nothing of an arm."""
