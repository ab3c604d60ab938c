"""What a text is made of: turns, sentences, words, folded letters, how rare a word is."""
