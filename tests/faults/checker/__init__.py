"""The independent judge of a fault campaign: plain Python over the events, none of the product's arithmetic."""
