"""The `oneprefix` command: each room holds the commands of one purpose."""
