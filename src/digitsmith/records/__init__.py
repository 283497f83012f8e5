"""What runs, results, data sets and models say of themselves: typed and versioned."""
