"""The page in a real browser, against a rehearsal and against benches that are held up, restarted, or asked from another machine."""
