-- A store of version 2 -> version 3.

-- Who writes. A coordinator that takes the store raises the epoch, and writes nothing once another has raised it.
CREATE TABLE coordinator (
    epoch  INTEGER NOT NULL,
    holder TEXT NOT NULL                   -- for people
) STRICT;
INSERT INTO coordinator VALUES (0, '');
