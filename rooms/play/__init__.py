"""What viewers take part in: lotteries, red packets, quizzes and polls; and the prizes that they give."""
