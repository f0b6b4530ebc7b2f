"""The one model of a bucket and of an object that stands in it."""
