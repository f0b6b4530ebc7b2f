"""Take up what dead workers, lost messages and interrupted uploads leave behind."""
