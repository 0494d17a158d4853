"""What the benchmarks measure, ours and others: each a process of its own that speaks the same messages."""
