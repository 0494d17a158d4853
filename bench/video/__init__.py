"""What the benchmark of picture and sound is made of: a picture, viewers, peers to compare with."""
