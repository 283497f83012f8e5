"""Files that strangers send, made by the thousand: every reader reads them, or says in one line why not.

- `corpus` has whole files, made by our own writers; `past`, what once went wrong.
- `mutations` changes files: their bytes, their text, or what they are made of (`layouts`, `arrays`, `values`).
- `readers` is the table of everything that reads a file of a stranger.
- `trials` lets a process of its own read, and says what went wrong: a traceback, a crash, too much time or memory.
"""
