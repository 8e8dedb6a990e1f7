"""RUN: the room where effects meet. A plan goes in; trials, gates and a report come out."""
