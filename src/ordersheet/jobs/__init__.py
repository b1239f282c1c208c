"""Jobs: files that come by themselves, taken once each, sent, put away, and told of."""
