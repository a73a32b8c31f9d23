"""Statistics on plain arrays: who is best, by how much, and how sure that is. Knows neither trials nor sweeps."""
