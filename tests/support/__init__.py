"""What tests need around them: real servers, a real browser, a real node, each in a process of its own."""
